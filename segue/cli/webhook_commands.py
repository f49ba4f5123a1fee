"""``segue webhooks``: send changes to an HTTP endpoint: run, status, dead, retry."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Optional

import msgspec
import typer
from sqlalchemy import Engine

from data.postgres import webhooks
from data.postgres.database import engine
from runtime import logs
from runtime.counts import many
from runtime.settings import Settings
from runtime.topics import ChangeKind
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, output, spinner, table
from segue.cli.filter_option import parse_filter, parse_risk_filter
from segue.cli.options import AsJson, Limit
from segue.cli.postgres import connect

if TYPE_CHECKING:
    from services.webhooks.endpoint import Endpoint
    from services.webhooks.lag import Lags
    from services.webhooks.run import Matches, Webhook
    from services.webhooks.schedule import Delivery, Policy

app = typer.Typer(no_args_is_help=True, help="Send changes of segments or of risk states to an HTTP endpoint.")


@app.command()
def run(
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="On the first run, send the whole history, too.")
    ] = False,
    changes: Annotated[
        Optional[ChangeKind],  # noqa: UP045 - typer reads it
        typer.Option("--changes", help="Send changes of segments or of risk states; by default SEGUE_WEBHOOK_CHANGES."),
    ] = None,
) -> None:
    """Send each chosen change to SEGUE_WEBHOOK_URL, as a signed CloudEvent, until Ctrl-C.

    Each customer's changes arrive in order, at least once; repeats have the same `webhook-id`. A restarted webhook
    continues where it stopped, even after a crash. A new webhook starts with changes published from then on. A webhook
    sends changes of segments or of risk states: for both, run two, each with a SEGUE_WEBHOOK_NAME of its own.
    """
    from data.kafka.log import Log, create_topics
    from runtime.health import WebServer
    from services.webhooks.endpoint import WebhookSender, client
    from services.webhooks.health import WebhookHealth
    from services.webhooks.held_out import HeldOut
    from services.webhooks.kinds import KINDS
    from services.webhooks.reader import ChangeReader
    from services.webhooks.run import Webhook

    settings = Settings()
    which = changes or settings.webhook_changes
    endpoint, chosen, kind = _endpoint(settings), _filter(settings, which), KINDS[which]
    logs.configure(settings.secrets)
    topics = settings.topics
    topic = topics.of_changes(which)
    if settings.partitions:
        create_topics(settings.brokers, topics.configuration, settings.partitions, topics.durability.replicas)
    log = Log(settings.brokers, topic)
    identity = log.identity(settings.log_id)
    start = [0] * identity.partitions if from_beginning else log.ends(identity.partitions)
    log.close()
    postgres = engine(settings.database)
    claim = webhooks.claim(postgres, settings.webhook_name, identity.log_id, start, which)
    messages.print(
        f"Sending {kind.phrase} to {endpoint} as the webhook [bold]{settings.webhook_name}[/]; Ctrl-C stops."
    )

    async def deliver() -> "Webhook":
        async with client(settings.webhook_concurrency, settings.webhook_timeout) as http:
            sender = WebhookSender(endpoint, http, settings.webhook_timeout)
            held_out = HeldOut(postgres) if settings.webhook_skip_held_out else None
            webhook = Webhook(postgres, claim, kind, chosen, _policy(settings), sender, held_out)
            if settings.web_port:
                WebServer(WebhookHealth(webhook)).start(settings.web_host, settings.web_port)
            await webhook.run(ChangeReader(settings.brokers, topic, webhook.read_from))
            return webhook

    done = asyncio.run(deliver())
    messages.print(f"{done.delivered:,} delivered, {done.abandoned:,} abandoned")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show how many changes each webhook has delivered, how many wait or were abandoned, and its lag.

    The lag is the number of changes in the topic that the webhook has not read. It is unknown if no broker answers, if
    the topic can't be read, or if it has been created again since the webhook read it.
    """
    from services.webhooks.lag import ChangeTopics, lags

    settings = Settings()
    postgres = connect(settings)
    rows = webhooks.overview(postgres)
    # The Kafka client reports a broker that is gone once a second; one line of our own is enough.
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)
    kinds = sorted({row.changes for row in rows})
    show(rows, lags(postgres, settings.topics, kinds, ChangeTopics(settings.brokers, settings.log_id)), as_json)


def show(rows: Sequence[Any], lags: "Lags", as_json: bool) -> None:
    """Print what became of each webhook's changes (:func:`data.postgres.webhooks.overview`), and its lag."""
    known = lags.by_webhook
    if as_json:
        found = [row._asdict() | {"lag": known.get(row.webhook)} for row in rows]
        output.print_json(msgspec.json.encode(found).decode())
    elif not rows:
        messages.print("No webhook has run yet.")
    else:
        shown = [
            [
                row.webhook,
                row.changes,
                f"{row.delivered:,}",
                f"{row.waiting:,}",
                f"{row.dead:,}",
                f"{known[row.webhook]:,}" if row.webhook in known else "unknown",
                f"{row.saved_at:%Y-%m-%d %H:%M}",
            ]
            for row in rows
        ]
        heads = ["webhook", "changes of", "delivered", "waiting", "abandoned", "lag", "saved at"]
        output.print(table("Webhooks", heads, shown))
    for kind, trouble in lags.troubles.items():
        messages.print(
            f"The lag of webhooks for {webhooks.NAMES[kind]} is unknown: {trouble}", markup=False, soft_wrap=True
        )


@app.command()
def dead(
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show the number of abandoned changes by reason, and the newest ones."""
    settings = Settings()
    postgres = connect(settings)
    reasons = webhooks.abandoned_by_reason(postgres, settings.webhook_name)[:limit]
    newest = webhooks.newest_abandoned(postgres, settings.webhook_name, limit)
    if as_json:
        letters = [row._asdict() | {"event": msgspec.Raw(row.event)} for row in newest]
        content = {"reasons": [row._asdict() for row in reasons], "dead_letters": letters}
        output.print_json(msgspec.json.encode(content).decode())
        return
    if not reasons:
        messages.print(f"The webhook {settings.webhook_name} has abandoned no change.")
        return
    counts = [[row.reason, f"{row.waiting:,}", f"{row.delivered:,}"] for row in reasons]
    output.print(table("Abandoned changes by reason", ["reason", "waiting", "delivered since"], counts))
    rows = [
        [
            f"{row.customer_id}:{row.sequence}",
            f"{row.attempts:,}",
            f"{row.failed_at:%Y-%m-%d %H:%M}",
            row.reason,
        ]
        for row in newest
    ]
    output.print(table("The newest", ["change", "attempts", "abandoned at", "reason"], rows))


@app.command("retry")
def retry_them(
    which: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(metavar="[CUSTOMER:SEQUENCE]...", help="The changes, as `segue webhooks dead` shows them."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All abandoned changes.")] = False,
) -> None:
    """Send abandoned changes once more, in order for each customer. Repair the receiver first.

    Later changes of the same customer may have arrived before: receivers recognise that by `sequence`. A change that
    fails again stays abandoned.
    """
    from services.webhooks.endpoint import WebhookSender, client
    from services.webhooks.retry import retry

    if bool(which) == everything:
        fail("say which: changes from `segue webhooks dead`, or --all")
    named = [_change(each) for each in which or []]
    settings = Settings()
    endpoint = _endpoint(settings)
    postgres = engine(settings.database)
    chosen = None if everything else [_abandoned_change(postgres, settings.webhook_name, *each) for each in named]

    async def deliver() -> tuple[int, int]:
        async with client(settings.webhook_concurrency, settings.webhook_timeout) as http:
            sender = WebhookSender(endpoint, http, settings.webhook_timeout)
            return await retry(postgres, settings.webhook_name, _policy(settings), sender, chosen)

    asked: int | str = "all" if chosen is None else len(chosen)
    with (
        recorded(postgres, "webhooks retry", settings.webhook_name, changes=asked) as found,
        spinner(f"Sending to {endpoint}"),
    ):
        delivered, failed = asyncio.run(deliver())
        found.update(delivered=delivered, failed=failed)
    messages.print(f"{delivered:,} delivered, {failed:,} failed again")
    if failed:
        for row in webhooks.abandoned_by_reason(postgres, settings.webhook_name):
            if row.waiting:
                messages.print(f"{many(row.waiting, 'waits', 'wait')}: {row.reason}", markup=False, soft_wrap=True)
        raise typer.Exit(1)


def _endpoint(settings: Settings) -> "Endpoint":
    from services.webhooks.endpoint import Endpoint

    url, secret = (
        None if value is None else value.get_secret_value() for value in (settings.webhook_url, settings.webhook_secret)
    )
    return Endpoint.of(url, secret)


def _filter(settings: Settings, changes: ChangeKind) -> "Matches | None":
    """The filter of the changes to send, which may compare the fields of such changes only."""
    where = "SEGUE_WEBHOOK_WHERE"
    if changes == "risk":
        return parse_risk_filter(settings.webhook_where, where)
    return parse_filter(settings.webhook_where, where, settings)


def _policy(settings: Settings) -> "Policy":
    from services.webhooks.schedule import Policy

    return Policy(
        settings.webhook_attempts,
        settings.webhook_concurrency,
        settings.webhook_first_wait,
        settings.webhook_longest_wait,
    )


def _change(which: str) -> tuple[str, int]:
    """The customer and the sequence of a change."""
    # A customer's id may hold colons; the sequence is what follows the last one.
    customer, _, sequence = which.rpartition(":")
    if not customer or not sequence.isdecimal():
        fail(f"{which!r} is not a change: write CUSTOMER:SEQUENCE, as `segue webhooks dead` shows it")
    return customer, int(sequence)


def _abandoned_change(postgres: Engine, webhook: str, customer: str, sequence: int) -> "Delivery":
    from services.webhooks.schedule import Delivery

    return Delivery(0, 0, customer, sequence, webhooks.find_abandoned(postgres, webhook, customer, sequence))
