"""``segue campaign``: start campaigns with a holdout, and see whether they helped."""

import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Optional

import typer
from sqlalchemy import Connection, Engine

from data.postgres import audience_members, campaigns, currency, progress
from data.postgres.campaigns import Campaign
from runtime.counts import many
from runtime.errors import Hint, NotFoundError
from runtime.output_files import check_output, replacing
from runtime.settings import Settings
from segue.cli import campaign_report, options
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, output, spinner, table
from segue.cli.postgres import connect

app = typer.Typer(no_args_is_help=True, help="Start campaigns with a holdout, and see whether they helped.")


# Partitions that are further apart than this make a campaign start noticeably early.
_APART = timedelta(hours=1)


def _days(text: str | int) -> int:
    """Parse a horizon such as ``30d``: whole days."""
    if isinstance(text, int):
        return text
    days, rest = divmod(options.duration(text).total_seconds(), 86_400)
    if rest or not days:
        raise typer.BadParameter("give whole days, such as 30d")
    return int(days)


def _share(text: str | float) -> float:
    """Parse a share such as ``10%`` or ``0.1``."""
    if isinstance(text, float):
        return text
    found = re.fullmatch(r"\s*(\d{1,3}(?:\.\d{1,6})?|\.\d{1,6})\s*(%?)\s*", text)
    if found is None:
        raise typer.BadParameter("give a share such as 10% or 0.1")
    return float(found[1]) / (100 if found[2] else 1)


Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the campaign.")]


@app.command()
def start(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Small letters, digits, dots, dashes and underscores. It never changes."),
    ],
    source: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--from",
            metavar="FILE",
            help="The customers: one id a line, or a CSV file with the column customer_id; `-` is standard input.",
        ),
    ] = None,
    audience: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="The customers: all who are in a saved audience now."),
    ] = None,
    horizon: Annotated[
        int, typer.Option(parser=_days, metavar="DAYS", help="How long orders count, in event time, such as 30d.")
    ] = 30,
    holdout: Annotated[
        float, typer.Option(parser=_share, metavar="SHARE", help="The share of customers to hold out, such as 10%.")
    ] = 0.1,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out ids that are not customers of the stream.")
    ] = False,
) -> None:
    """Start a campaign now, in event time: draw who is held out, store it, and write it to the campaigns topic.

    Then export the list, and send the campaign to the treated customers only. Horizon and holdout can't be changed
    later: they are fixed, so you may look at the result every day.
    """
    from models.campaigns.detectable import CampaignPlan
    from models.campaigns.outlook import smallest_sentence
    from producers.campaigns import NewCampaign
    from producers.campaigns import start as begin

    if (source is None) == (audience is None):
        fail("say who the customers are: either --from FILE or --audience NAME")
    listed = None if source is None else _listed(source)
    settings = Settings()
    postgres = connect(settings)
    ids = audience_members.ids_of(postgres, str(audience)).ids if listed is None else listed
    new = NewCampaign(name, ids, horizon, holdout, skip_unknown)
    with recorded(postgres, "campaign start", name[:64], horizon_days=horizon, holdout=holdout) as found:
        with spinner("Starting"):
            started = begin(settings, postgres, new)
        found["treated"], found["held_out"] = started.treated, started.held_out
    _warn_if_apart(postgres, started)
    left_out = len({*ids}) - started.treated - started.held_out
    if left_out:
        others = many(
            left_out, "id is no customer of the stream and was", "ids are not customers of the stream and were"
        )
        messages.print(f"{others} left out.", style="yellow")
    messages.print(
        f"The campaign {name} starts at event time {started.started_at:%Y-%m-%d %H:%M} and ends at "
        f"{started.ends_at:%Y-%m-%d %H:%M}: "
        f"{many(started.treated, 'customer is', 'customers are')} treated, {started.held_out:,} held out.",
        soft_wrap=True,
    )
    if started.base_share:
        plan = CampaignPlan(started.treated, started.held_out, started.base_share, horizon)
        messages.print(smallest_sentence(plan), style="yellow", soft_wrap=True)
    else:
        messages.print("Of how many of them usually buy, nothing is known, nor how long the campaign takes to show.")
    messages.print(f"Get the list with `segue campaign export {name} {name}.csv`.", soft_wrap=True)


def _warn_if_apart(postgres: Engine, started: Campaign) -> None:
    """Say so if a partition that is behind has made the campaign start in the past of the others."""
    with postgres.connect() as connection:
        newest = progress.newest_watermark(connection)
    if newest is not None and (apart := newest - started.started_at) > _APART:
        messages.print(
            f"The slowest partition is {apart / timedelta(hours=1):,.0f} hours behind the newest, which has reached "
            f"{newest:%Y-%m-%d %H:%M}. Orders between the two count as if they came after the start.",
            style="yellow",
            soft_wrap=True,
        )


def _listed(source: Path) -> Sequence[str]:
    """The ids of a file, or of standard input."""
    from data.datasets.customer_list import read_list, read_stream

    return read_stream(sys.stdin.buffer, "standard input") if str(source) == "-" else read_list(source)


@app.command()
def publish(name: Name) -> None:
    """Write a campaign whose start was interrupted to its topic. What the topic has already is not written again."""
    from producers.campaigns import publish as write

    settings = Settings()
    postgres = connect(settings)
    with recorded(postgres, "campaign publish", name[:64]), spinner("Writing"):
        write(settings, postgres, name)
    messages.print(f"The topic has the assignments of {name}.", markup=False)


@app.command("list")
def list_them(as_json: options.AsJson = False) -> None:
    """Show all campaigns, the newest first."""
    with connect(Settings()).connect() as connection:
        found, now = campaigns.listed(connection), progress.watermark(connection)
    if as_json:
        output.print_json(data=[campaign_report.facts(each, now) for each in found], default=str)
        return
    if not found:
        messages.print("There is no campaign yet: start one with `segue campaign start NAME --from FILE`.")
        return
    rows = [
        [
            *(each.name, f"{each.started_at:%Y-%m-%d %H:%M}", f"{each.ends_at:%Y-%m-%d %H:%M}"),
            *(f"{each.treated:,}", f"{each.held_out:,}", campaign_report.state(each, now)),
        ]
        for each in found
    ]
    output.print(table("Campaigns", ["name", "start", "end", "treated", "held out", "state"], rows))


@app.command()
def show(name: Name, as_json: options.AsJson = False) -> None:
    """Show what treated and held-out customers did, the difference with its interval, and what may be said."""
    from data.postgres import campaign_outcomes
    from models.campaigns.compare import compare, seed_of
    from models.campaigns.outlook import effect_sentences, plan_of, smallest_sentence
    from models.campaigns.sentence import sentence, verdict

    settings = Settings()
    with connect(settings).connect() as connection:
        found, now = _find(connection, name)
        outcomes = campaign_outcomes.outcomes(connection, found, now)
        money = settings.money.of(currency.stored(connection))
    comparison = compare(outcomes, found.horizon_days, seed_of(name))
    plan = plan_of(comparison, found.base_share)
    forgotten = found.treated + found.held_out - len(outcomes.held_out)
    if as_json:
        facts = campaign_report.facts(found, now) | campaign_report.numbers(comparison)
        facts |= {"forgotten": forgotten, "verdict": verdict(comparison), "sentence": sentence(comparison)}
        output.print_json(data=facts, default=str)
        return
    messages.print(f"{name}: {campaign_report.state(found, now)}", markup=False)
    output.print(sentence(comparison), markup=False)
    if comparison.days:
        output.print(campaign_report.groups(comparison, money))
    if forgotten:
        messages.print(f"Forgotten since the start: {forgotten:,} of its customers, who are in neither group.")
    if plan is not None and comparison.days < comparison.horizon:
        messages.print(smallest_sentence(plan), soft_wrap=True)
        for effect, when in effect_sentences(plan):
            messages.print(f"  an effect of {effect} {when}", soft_wrap=True)


@app.command()
def export(
    name: Name,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write, .csv.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write the customers of a campaign to a CSV file: group, segment at the start, orders and net spend since.

    Only send the campaign to those whose group is `treated`.
    """
    from data.postgres import campaign_outcomes
    from producers.campaigns import MOST_CUSTOMERS

    check_output(out, suffixes=(".csv",), force=force)
    postgres = connect(Settings())
    with recorded(postgres, "campaign export", name[:64]) as detail:
        with postgres.connect() as connection:
            found, now = _find(connection, name)
            rows = campaign_outcomes.customer_rows(connection, found, now, MOST_CUSTOMERS)
        with replacing(out) as draft:
            rows.to_csv(draft, index=False)
        detail["rows"] = len(rows)
    messages.print(
        f"{many(len(rows), 'customer')} of {name} {'is' if len(rows) == 1 else 'are'} in {out}",
        soft_wrap=True,
        markup=False,
    )


def _find(connection: Connection, name: str) -> tuple[Campaign, datetime]:
    found = campaigns.find(connection, name)
    if found is None:
        raise NotFoundError(f"there is no campaign {name[:70]!r}", Hint.LIST_CAMPAIGNS)
    return found, progress.watermark(connection) or found.started_at
