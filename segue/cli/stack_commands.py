"""``segue demo`` and ``segue up``: start the local stack."""

import os
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, NoReturn, Optional

import msgspec
import typer

from data.postgres import model_registry
from data.postgres.database import engine
from producers.pace import Speed
from runtime.counts import many
from runtime.private_files import write_private
from runtime.settings import Settings
from segue.cli import options, reading_options
from segue.cli.console import counted, fail, messages, output, spinner
from segue.cli.errors import described
from segue.cli.own_topics import refuse_own_topic
from segue.cli.ports import fixed_port, refuse_port_in_use
from segue.cli.replay_display import replay_bar
from segue.local.broker_kind import BrokerKind
from segue.local.stack import Stack, clear

if TYPE_CHECKING:
    from data.datasets.selection import Chosen
    from segue.local.demo import Setup

DATASET_FILE = "dataset.txt"
_SYNTHETIC = "synthetic"
# The port that Kafka clients use by default.
_KAFKA_PORT = 9092
Port = Annotated[
    int, typer.Option(min=0, max=65_535, help="Port of the dashboard, on the loopback interface; 0 for any free one.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Delete the state folder's data first, except downloads.")]


class _Dashboard(NamedTuple):
    port: int
    operator: bool


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(demo)
    app.command()(up)


def demo(
    files: reading_options.Files = None,
    once: Annotated[
        bool, typer.Option("--once", help="Replay everything at full speed, reconcile, print a summary and exit.")
    ] = False,
    speed: options.Pace = Speed.parse("1d/s"),  # noqa: B008 - immutable
    cutoff: options.Cutoff = None,
    k: Annotated[
        Optional[int],  # noqa: UP045 - typer reads it
        typer.Option(min=1, max=options.MOST_SEGMENTS, help="Number of segments, by default 5."),
    ] = None,
    port: Port = 8501,
    broker: options.Broker = "embedded",
    workers: options.Workers = 1,
    fresh: Fresh = False,
    as_json: options.AsJson = False,
    state_dir: options.StateDir = Path(".segue"),
    operator: options.Operator = False,
    drift: options.Drift = False,
    accept_dates: options.AcceptDates = False,
    mapping: reading_options.MappingFile = None,
    set_: reading_options.Settings = None,
    on_error: reading_options.OnError = "stop",
    rejects: reading_options.Rejects = None,
) -> None:
    """See everything at work: broker, Postgres, worker and dashboard, on one dataset.

    The demo fits a model on the first year, then replays that year at full speed and the rest at `--speed`. Ctrl-C
    stops it; the next `segue demo` continues there. With `--once` it replays everything at full speed and compares the
    result with a recomputation from the raw data; the exit code is 0 only if there is no difference.
    """
    from data.datasets.selection import choose, default_cutoff
    from segue.local.demo import Setup

    if not once:
        port = fixed_port(port)
    how = reading_options.reading(files, mapping, set_, on_error, rejects, Settings(state_dir=state_dir).currency)
    with spinner("Loading data"):
        chosen = choose(files, state_dir / "datasets", how)
    messages.print(
        f"Dataset: [bold]{described(chosen.why, chosen.hint)}[/] · "
        f"{many(chosen.dataset.report.transactions, 'transaction')}"
    )
    if files:
        reading_options.mention(chosen.dataset)
    options.check_dates(chosen.dataset, accept_dates)
    options.check_currency(chosen.dataset, how.currency)
    until = default_cutoff(chosen.dataset) if cutoff is None else cutoff
    options.check_cutoff(until, chosen.dataset.report.first, chosen.dataset.report.last)
    if not files and not once and not fresh:
        _forget_synthetic_data(chosen, state_dir)
    if once:
        _once(chosen, until, Setup(state_dir, broker, workers, k=k), as_json)
    else:
        _live(chosen, until, Setup(state_dir, broker, workers, drift, k), speed, _Dashboard(port, operator), fresh)


def _once(chosen: "Chosen", until: datetime, setup: "Setup", as_json: bool) -> None:
    from segue.local import demo as demos

    with replay_bar("replaying") as bar:
        summary = demos.run_once(chosen.dataset, until, setup, bar)
    if as_json:
        output.print_json(msgspec.json.encode(summary).decode())
    else:
        messages.print(
            f"{many(summary.transactions, 'transaction')} in {summary.seconds:.1f} s "
            f"([bold]{summary.transactions_per_second:,}/s[/]), {many(summary.customers, 'customer')} in a segment\n"
            f"{many(sum(summary.changes.values()), 'change')}: {counted(summary.changes)}\n"
            f"{many(summary.duplicates, 'duplicate')}, {summary.late:,} late, "
            f"{many(summary.dead_letters, 'dead letter')}\n"
            f"{many(summary.risk_states, 'risk state')} compared\n"
            f"[bold]{many(summary.differences, 'difference')}[/] from a recomputation with pandas and scikit-learn"
        )
    raise typer.Exit(0 if summary.differences == 0 else 1)


def _live(chosen: "Chosen", until: datetime, setup: "Setup", speed: Speed, dashboard: _Dashboard, fresh: bool) -> None:
    from batch.fit_predictions import fit_with_predictions
    from producers.replay_session import other_datasets
    from segue.local import demo as demos

    state_dir = setup.state_dir
    if fresh:
        clear(state_dir)
    _refuse_mixing(chosen, state_dir)
    with _stack(state_dir, setup.broker) as stack:
        postgres = engine(Settings(state_dir=state_dir).database)
        for held in other_datasets(postgres, chosen.dataset.name):
            _refuse(held, chosen, state_dir)
        write_private(state_dir / DATASET_FILE, chosen.dataset.name)
        stack.start_workers(setup.workers)
        stack.start_dashboard(dashboard.port, dashboard.operator)
        if setup.drift:
            stack.start_drift()
        stack.watch(messages.print)
        if model_registry.champion_version(postgres) is None:
            with spinner("Fitting a model"):
                model_registry.register(postgres, fit_with_predictions(chosen.dataset, until, setup.k))
        elif setup.k is not None:
            messages.print(f"--k has no effect: {state_dir} has a model; add --fresh to start over", style="yellow")
        messages.print(
            f"Dashboard: [bold link]http://127.0.0.1:{dashboard.port}[/] · open it in a browser; Ctrl-C stops\n"
            "Your own file: `segue data describe FILE` says how it is read, `segue fit FILE` which segments it has\n"
            "A stack of your own: Ctrl-C, then `segue up --state-dir mine`; it says what follows",
            soft_wrap=True,
        )
        with replay_bar("replaying") as bar:
            finished = demos.run_live(chosen.dataset, until, stack, speed, bar)
        if finished:
            messages.print("The whole dataset has been replayed. The dashboard keeps running; Ctrl-C stops.")
            _until_interrupted(stack)
        messages.print("Stopping …")


def up(
    broker: options.Broker = "embedded",
    nodes: options.Nodes = 1,
    workers: options.Workers = 1,
    state_dir: options.StateDir = Path(".segue"),
    port: Port = 8501,
    operator: options.Operator = False,
    drift: options.Drift = False,
    live: options.Live = False,
    api_port: Annotated[
        int, typer.Option(min=1, max=65_535, help="With --live: port of the HTTP API, on the loopback interface.")
    ] = 8600,
    ingest_topic: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            parser=options.topic_name,
            metavar="TOPIC",
            help="With --live: ingest orders from this topic; needs --mapping.",
        ),
    ] = None,
    mapping: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="With --ingest-topic: how its records are read; see docs/ingest.md."),
    ] = None,
) -> None:
    """Start broker, Postgres, worker and dashboard, and keep them running until Ctrl-C.

    Other commands with the same state folder connect to them: `segue fit`, `segue replay`, `segue status`, …
    """
    port = fixed_port(port)
    if live:
        refuse_port_in_use(api_port, option="--api-port")
    if ingest_topic is not None or mapping is not None:
        _check_ingestion(live, ingest_topic, mapping)
    if nodes > 1 and broker != "apache":
        fail("--nodes needs --broker apache")
    with _stack(state_dir, broker, nodes) as stack:
        worker, *_ = stack.start_workers(workers)
        stack.start_dashboard(port, operator)
        if drift:
            stack.start_drift()
        if live:
            stack.start_clock()
            stack.start_api(api_port)
        if ingest_topic is not None and mapping is not None:
            stack.start_ingest(ingest_topic, mapping)
        stack.watch(messages.print)
        messages.print(
            f"Dashboard: [bold link]http://127.0.0.1:{port}[/]\n"
            f"{_live_lines(api_port) if live else ''}"
            f"Broker: {stack.settings['bootstrap_servers']} · worker: process {worker.pid}, log in {worker.log_file}\n"
            f"Next, in another terminal: `{_in(state_dir)}segue fit FILE`, then `{_in(state_dir)}segue replay FILE`. "
            "Ctrl-C stops.",
            soft_wrap=True,
        )
        _until_interrupted(stack)
        messages.print("Stopping …")


def _check_ingestion(live: bool, topic: str | None, mapping: Path | None) -> None:
    if not live or topic is None or mapping is None:
        fail("--ingest-topic and --mapping go together, with --live")
    refuse_own_topic(topic, "--ingest-topic", Settings())
    reading_options.mapping_of(mapping, None)


def _live_lines(api_port: int) -> str:
    return (
        f"HTTP API: [bold link]http://127.0.0.1:{api_port}/schema[/] · keys: `segue keys create NAME --read --write`\n"
    )


def _until_interrupted(stack: Stack) -> None:
    try:
        stack.wait()
    except KeyboardInterrupt:
        return


def _forget_synthetic_data(chosen: "Chosen", state_dir: Path) -> None:
    """Start over if the last demo had nothing but synthetic data to show, and a dataset has been downloaded since."""
    file = state_dir / DATASET_FILE
    if file.exists() and file.read_text() == _SYNTHETIC != chosen.dataset.name:
        messages.print(f"The last demo showed synthetic data; this one starts over with {chosen.dataset.name}.")
        clear(state_dir)


def _in(state_dir: Path) -> str:
    """What to write before a command so that it finds the stack of a state folder."""
    found = Path(os.environ.get("SEGUE_STATE_DIR") or ".segue").resolve() == state_dir.resolve()
    return "" if found else f"SEGUE_STATE_DIR={shlex.quote(str(state_dir.resolve()))} "


def _refuse_mixing(chosen: "Chosen", state_dir: Path) -> None:
    """Refuse to mix two datasets in one Postgres: their customers would mix, too."""
    file = state_dir / DATASET_FILE
    if file.exists() and file.read_text() != chosen.dataset.name:
        _refuse(file.read_text(), chosen, state_dir)


def _refuse(held: str, chosen: "Chosen", state_dir: Path) -> NoReturn:
    fail(
        f"{state_dir} contains a replay of {held}, not of {chosen.dataset.name}: "
        "add --fresh to start over, or choose another --state-dir"
    )


def _stack(state_dir: Path, broker: BrokerKind, nodes: int = 1) -> Stack:
    messages.print(f"Starting Postgres and {'Apache Kafka' if broker == 'apache' else 'the embedded broker'} …")
    return Stack(state_dir, broker, _KAFKA_PORT, nodes, money=Settings(state_dir=state_dir).money)
