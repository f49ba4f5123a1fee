"""``segue alerts``: write to people when a rule's measure is above its limit: run, check, test."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.markup import escape
from sqlalchemy import Engine

from data.postgres import currency
from data.postgres.database import engine
from runtime import logs
from runtime.counts import many
from runtime.settings import Settings
from segue.cli.console import fail, messages, output, table
from segue.cli.options import AsJson, duration
from segue.cli.postgres import connect
from segue.cli.stopping import stop_by_signal

if TYPE_CHECKING:
    from services.alerts.measures import Sources
    from services.alerts.rules import Rule

app = typer.Typer(no_args_is_help=True, help="Write to people when something exceeds a limit: e-mail, chat and others.")


def _interval(text: str | timedelta) -> timedelta:
    found = duration(text)
    if not timedelta(seconds=1) <= found <= timedelta(days=1):
        raise typer.BadParameter("from 1s to 1d")
    return found


Rules = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--rules", metavar="FILE", help="TOML file with the rules; by default SEGUE_ALERT_RULES."),
]


@app.command()
def run(
    rules: Rules = None,
    every: Annotated[
        timedelta, typer.Option(parser=_interval, metavar="DURATION", help="Time between two looks at all rules.")
    ] = timedelta(minutes=1),
    state: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="FILE", help="Remembers what was sent over a restart; by default alerts.json in SEGUE_STATE_DIR."
        ),
    ] = None,
) -> None:
    """Check every rule again and again until Ctrl-C: one message when its limit is exceeded, one when that is over.

    If a measure can't be found out for some minutes, that is a message of its own. One process is enough.
    """
    from runtime.health import WebServer
    from services.alerts.destinations import AppriseSender
    from services.alerts.service import AlertService
    from services.alerts.state_file import STATE_NAME, StateFile

    settings = Settings()
    addresses = _addresses(settings)
    chosen, sender = _rules(rules, settings, addresses), AppriseSender.of(addresses)
    postgres, file = engine(settings.database), StateFile.open(state or settings.state_dir / STATE_NAME)
    service = AlertService(chosen, _sources(postgres, settings), sender, file, settings.money)
    logs.configure(settings.secrets)
    messages.print(f"Watching {many(len(chosen), 'rule')}; Ctrl-C stops.")
    stop_by_signal(service.stop)
    if settings.web_port:
        WebServer(service.health).start(settings.web_host, settings.web_port)
    service.run(every.total_seconds())


@app.command()
def check(rules: Rules = None, as_json: AsJson = False) -> None:
    """Show the measure of every rule now, and send nothing. The exit code is 1 if one can't be found out."""
    from services.alerts.messages import amount
    from services.alerts.service import look_at

    settings = Settings()
    chosen = _rules(rules, settings, _addresses(settings))
    postgres = connect(settings)
    money, sources = currency.stored_money(postgres, settings.money), _sources(postgres, settings)
    found = [(rule, look_at(rule, sources)) for rule in chosen]
    if as_json:
        output.print_json(data=[_as_json(rule, each) for rule, each in found])
    else:
        rows = [
            [
                rule.name,
                amount(rule, each.value, each, money),
                amount(rule, rule.above, each, money),
                {True: "above", False: "", None: "unknown"}[each.is_above(rule.above)],
                each.about,
                ", ".join(rule.to),
            ]
            for rule, each in found
        ]
        output.print(table("Rules", ["rule", "now", "limit", "", "of", "goes to"], rows))
    if any(each.value is None for _, each in found):
        raise typer.Exit(1)


@app.command("test")
def try_out(
    destinations: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(metavar="[DESTINATION]...", help="Names of destinations; by default all of them."),
    ] = None,
    rule: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--rule", metavar="NAME", help="A rule whose destinations are tried out; several are possible."),
    ] = None,
    rules: Rules = None,
    as_json: AsJson = False,
) -> None:
    """Send a test message to destinations, also in quiet hours, and say of each whether it has accepted the message.

    With a file of rules, the message and the result name the rules that write there. The exit code is 1 if a
    destination does not accept it. Needs neither Postgres nor Kafka.
    """
    from services.alerts.trial import tried

    settings = Settings()
    addresses = _addresses(settings)
    if not addresses:
        fail("there is no destination: set SEGUE_ALERT_DESTINATIONS, for example team=mailto://...")
    known = _rules(rules, settings, addresses) if rule or rules or settings.alert_rules else ()
    trials = []
    for name in _chosen(destinations or [], rule or [], addresses, known):
        found = tried(name, addresses[name], known)
        trials.append(found)
        messages.print(escape(found.sentence), soft_wrap=True)
    if as_json:
        output.print_json(data=[each.as_json() for each in trials])
    if any(not each.accepted for each in trials):
        raise typer.Exit(1)


def _chosen(
    destinations: list[str], rule: list[str], addresses: dict[str, str], known: "tuple[Rule, ...]"
) -> list[str]:
    """The destinations to try out: those that are named, and those of the rules that are; all without any name."""
    unknown = [name for name in destinations if name not in addresses]
    if unknown:
        fail(f"there is no destination {unknown[0]!r}; the destinations are {', '.join(addresses)}")
    by_name = {each.name: each for each in known}
    unknown = [name for name in rule if name not in by_name]
    if unknown:
        fail(f"there is no rule {unknown[0]!r}; the rules are {', '.join(by_name)}")
    named = [*destinations, *(name for each in rule for name in by_name[each].to)]
    return list(dict.fromkeys(named or addresses))


def _addresses(settings: Settings) -> dict[str, str]:
    from services.alerts.destinations import parse_destinations

    given = settings.alert_destinations
    return {} if given is None else parse_destinations(given.get_secret_value())


def _rules(path: Path | None, settings: Settings, addresses: dict[str, str]) -> "tuple[Rule, ...]":
    from services.alerts.rules import RuleError
    from services.alerts.rules_file import read_rules

    path = path or settings.alert_rules
    if path is None:
        fail("name the file of the rules: --rules FILE or SEGUE_ALERT_RULES; docs/alerts.md has an example")
    try:
        return read_rules(path, addresses)
    except RuleError as error:
        fail(str(error))


def _sources(postgres: Engine, settings: Settings) -> "Sources":
    from services.alerts.measures import Sources
    from services.claimed_partitions import claimed_partitions

    brokers, topic = settings.known_brokers, settings.topics.transactions
    return Sources(postgres, lambda: claimed_partitions(postgres, brokers, topic))


def _as_json(rule: "Rule", found: Any) -> dict[str, Any]:
    return {
        "rule": rule.name,
        "measure": rule.measure,
        "value": found.value,
        "limit": rule.above,
        "above": found.is_above(rule.above),
        "about": found.about,
        "as_of": None if found.event_time is None else found.event_time.isoformat(),
        "to": list(rule.to),
    }
