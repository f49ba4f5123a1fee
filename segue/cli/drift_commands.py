"""``segue drift``: watch for the world moving away from the model, and see what has been found."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import msgspec
import typer
from rich.text import Text
from sqlalchemy import Engine, Row

from data.postgres import drift, model_registry
from data.postgres.database import engine
from runtime import logs
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import doing, output, table, words
from services.drift.events import summary

if TYPE_CHECKING:
    from models.segment_model import SegmentModel

app = typer.Typer(no_args_is_help=True, help="See whether the world has moved away from the model.")

AutoRefit = Literal["propose", "promote", "off"]


@app.command()
def watch(
    auto_refit: Annotated[
        Optional[AutoRefit],  # noqa: UP045
        typer.Option(help="What drift leads to: a new model that is proposed, one that is put in force, or nothing."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Observe what has come so far, and end.")] = False,
) -> None:
    """Observe the stream beside the workers: day by day of event time, from what they have committed.

    One of these is enough; a second one waits. What it finds is in Postgres (`segue drift status`), in metrics, and on
    the drift topic. It may be stopped and started at any time: what it has missed, it catches up with.
    """
    from data.kafka.log import create_topics
    from producers.log_session import session
    from producers.model_activation import activate
    from runtime.health import WebServer
    from services.drift.publishing import DriftPublisher
    from services.drift.running import Observatory
    from services.drift.watcher import Watcher

    settings = Settings()
    logs.configure(settings.secrets)
    postgres = engine(settings.database)
    if settings.partitions:
        create_topics(settings.brokers, settings.topics.configuration, settings.partitions)
    wanted = auto_refit or settings.auto_refit

    def promote(model: "SegmentModel") -> None:
        with session(settings) as open_session:
            activate(open_session, model)

    watcher = Watcher(postgres, refits=wanted != "off", promote=promote if wanted == "promote" else None)
    observatory = Observatory(postgres, watcher, DriftPublisher(settings.brokers, settings.drift_topic))
    if once:
        words.print(f"{observatory.look():,} new windows observed")
        return
    if settings.web_port:
        WebServer(observatory.health).start(settings.web_host, settings.web_port)
    observatory.run()


@app.command()
def status(as_json: options.AsJson = False) -> None:
    """Show the newest day, every alarm, and how the challenger compares."""
    postgres = engine(Settings().database)
    champion = model_registry.champion(postgres)
    if champion is None:
        raise LookupError("there is no model yet: run `segue fit DATASET`")
    newest, alarms = drift.newest(postgres, champion.version), drift.alarms(postgres, champion.version)
    with doing("Comparing"):
        candidates = [
            _candidate(postgres, champion, alias) for alias in (model_registry.CHALLENGER, model_registry.PROPOSED)
        ]
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
        output.print(f"Nothing has been observed for {champion.version} yet: {_why(champion)}.")
        return
    output.print(_measurements(champion, newest))
    _print_alarms(alarms)
    for candidate in found:
        output.print(
            f"{candidate['alias']} {candidate['version']}: {candidate['moving']:,} of {candidate['customers']:,} "
            f"customers would move ({candidate['share']:.1%}); see `segue models compare champion "
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
        output.print("No drift has been raised.")
        return
    output.print("Drift that was raised, newest first:")
    for alarm in alarms:
        output.print(Text.assemble((f"  {alarm.window_end:%Y-%m-%d} ", "bold"), summary(alarm)))


def _candidate(postgres: Engine, champion: "SegmentModel", alias: str) -> dict[str, Any] | None:
    """A model that could be put in force, and who would move."""
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


def _why(champion: "SegmentModel") -> str:
    cutoff = champion.metadata.get("cutoff")
    if cutoff is None:
        return "start `segue drift watch`"
    return f"start `segue drift watch`; days count from {str(cutoff)[:10]} on, where the model's training ends"
