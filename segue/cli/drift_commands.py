"""``segue drift``: observe the stream for drift, and show what has been found."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import msgspec
import typer
from rich.text import Text
from sqlalchemy import Engine, Row

from data.postgres import drift, model_registry
from data.postgres.aliases import CHALLENGER, PROPOSED
from data.postgres.database import engine
from runtime import logs
from runtime.counts import many
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import messages, output, spinner, table
from segue.cli.postgres import connect
from services.drift.events import summary

if TYPE_CHECKING:
    from models.segment_model import SegmentModel

app = typer.Typer(no_args_is_help=True, help="Observe drift: do customers still look as the model expects?")

AutoRefit = Literal["propose", "promote", "off"]


@app.command()
def watch(
    auto_refit: Annotated[
        Optional[AutoRefit],  # noqa: UP045
        typer.Option(help="What drift leads to: a new model as a proposal, a new active model, or nothing."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Observe what has been committed so far, and exit.")] = False,
) -> None:
    """Observe the stream for drift: day by day of event time, from what the workers have committed.

    One observer is enough; a second one waits. Results are in Postgres (`segue drift status`), in metrics, and on the
    drift topic. The observer may be stopped and started at any time: it catches up.
    """
    from data.kafka.log import create_topics
    from producers.log_session import session
    from producers.model_activation import activate
    from runtime.health import WebServer
    from services.drift.observer import StreamObserver
    from services.drift.publishing import DriftPublisher
    from services.drift.service import DriftService

    settings = Settings()
    logs.configure(settings.secrets)
    postgres = engine(settings.database)
    if settings.partitions:
        topics = settings.topics
        create_topics(settings.brokers, topics.configuration, settings.partitions, topics.durability.replicas)
    policy = auto_refit or settings.auto_refit

    def promote(model: "SegmentModel") -> None:
        with session(settings) as open_session:
            activate(open_session, model)

    observer = StreamObserver(postgres, refits=policy != "off", promote=promote if policy == "promote" else None)
    service = DriftService(postgres, observer, DriftPublisher(settings.brokers, settings.drift_topic))
    if once:
        messages.print(f"{many(service.observe(), 'new day')} observed")
        return
    if settings.web_port:
        WebServer(service.health).start(settings.web_host, settings.web_port)
    service.run()


@app.command()
def status(as_json: options.AsJson = False) -> None:
    """Show the newest day, every alarm, and how many customers a new model would move."""
    postgres = connect(Settings())
    champion = model_registry.load(postgres, model_registry.require_champion_version(postgres))
    newest, alarms = drift.newest(postgres, champion.version), drift.alarms(postgres, champion.version)
    with spinner("Comparing"):
        candidates = [_candidate(postgres, champion, alias) for alias in (CHALLENGER, PROPOSED)]
    found = [candidate for candidate in candidates if candidate is not None]
    if as_json:
        content = {
            "model": champion.version,
            "window_end": newest[0].window_end if newest else None,
            "measurements": [_plain(row) for row in newest],
            "alarms": [_plain(row) | {"summary": summary(row)} for row in alarms],
            "candidates": found,
        }
        output.print_json(msgspec.json.encode(content).decode())
        return
    if not newest:
        output.print(f"Nothing has been observed for {champion.version} yet: {_observation_hint(champion)}.")
        return
    output.print(_measurements(champion, newest))
    _print_alarms(alarms)
    for candidate in found:
        of_all = f"of {many(candidate['customers'], 'customer')}"
        output.print(
            f"{candidate['alias']} {candidate['version']}: {candidate['moving']:,} {of_all} "
            f"would move ({candidate['share']:.1%}); see `segue models compare champion "
            f"{candidate['alias']}`, and `segue models promote {candidate['alias']}`"
        )


def _measurements(champion: "SegmentModel", rows: list[Row[Any]] | Any) -> Any:
    personas = {segment.id: segment.name for segment in champion.segments}
    cells = [
        [
            row.measure,
            personas.get(row.name, row.name) or "—",
            f"{row.value:,.3f}",
            "—" if row.reference is None else f"{row.reference:,.3f}",
            "—" if row.threshold is None else f"{row.threshold:,.3f}",
            f"{row.customers:,}",
            "drift" if row.alarm else "",
        ]
        for row in rows
    ]
    columns = ["measure", "of", "now", "before", "counts from", "customers", "alarm"]
    return table(f"{champion.version}, the day that ended {rows[0].window_end:%Y-%m-%d}", columns, cells)


def _print_alarms(alarms: Any) -> None:
    if not alarms:
        output.print("No drift has been found.")
        return
    output.print("Drift, newest first:")
    for alarm in alarms:
        output.print(Text.assemble((f"  {alarm.window_end:%Y-%m-%d} ", "bold"), summary(alarm)))


def _candidate(postgres: Engine, champion: "SegmentModel", alias: str) -> dict[str, Any] | None:
    """Return how many customers a candidate model would move; None if the alias is not set."""
    from data.postgres.stream_profiles import current_profiles
    from models.compare import compare

    with postgres.connect() as connection:
        version = model_registry.aliases(connection).get(alias)
    if version is None:
        return None
    model = model_registry.load(postgres, version)
    compared = compare(current_profiles(postgres), champion, model)
    return {
        "alias": alias,
        "version": version,
        "origin": model.metadata.get("origin", "fit"),
        "cutoff": model.metadata.get("cutoff"),
        "moving": len(compared.movers),
        "customers": compared.customers,
        "share": compared.share,
    }


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "published"}


def _observation_hint(champion: "SegmentModel") -> str:
    cutoff = champion.metadata.get("cutoff")
    if cutoff is None:
        return "start `segue drift watch`"
    return f"start `segue drift watch`; the first observed day is {str(cutoff)[:10]}, where the model's training ends"
