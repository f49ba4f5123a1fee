"""``segue replay``: a dataset's transactions into the log."""

from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from data.postgres import model_registry
from producers.control import ReplayState
from producers.flow_control import MAX_LAG
from producers.pace import Speed
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import doing, fail, words
from segue.cli.errors import described
from segue.cli.replay_display import Standstill, replay_bar

if TYPE_CHECKING:
    from data.datasets.dataset import Dataset
    from producers.replay import Section
    from producers.replay_session import ReplaySession

_NO_MODEL = "The workers wait for a model: run `segue fit DATASET`."


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    dataset: options.OptionalDataset = None,
    speed: options.Pace = Speed.parse("1d/s"),  # noqa: B008 - immutable
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after what Postgres says has been done; otherwise send everything.")
    ] = False,
    max_lag: options.MaxLag = MAX_LAG,
    mix: Annotated[
        bool, typer.Option("--mix", help="Send it even if the stream holds another dataset: one shop of both.")
    ] = False,
) -> None:
    """Send a dataset's transactions into the log, paced by event time.

    What has been sent before is sent again, and recognised by the worker: nothing is counted twice. With --resume only
    what is missing is sent. Ctrl-C ends the replay cleanly; `--resume` goes on from there.
    """
    from data.datasets.selection import choose
    from producers.replay import whole
    from producers.replay_session import other_datasets, session

    settings = Settings()
    with doing("Loading data"):
        chosen = choose(dataset, settings.datasets_dir)
    words.print(f"Dataset: [bold]{described(chosen.why, chosen.hint)}[/]")
    with session(settings, max_lag) as replaying:
        if not mix and (held := other_datasets(replaying.postgres, chosen.dataset.name)):
            fail(
                f"the stream holds a replay of {', '.join(held)}, not of {chosen.dataset.name}: "
                "add --mix to send it all the same, or name another Postgres"
            )
        section = whole(chosen.dataset)
        if resume:
            section = replaying.resumed(chosen.dataset, section)
            if section.is_empty:
                words.print("Nothing is left to send.")
                return
        _run(replaying, chosen.dataset, section, speed)


def _run(replaying: "ReplaySession", dataset: "Dataset", section: "Section", speed: Speed) -> None:
    if model_registry.champion_version(replaying.postgres) is None:
        words.print(_NO_MODEL, style="yellow")
    standstill = Standstill(lambda: words.print(_why_it_waits(replaying.postgres), style="yellow"))
    with replay_bar(f"replaying {speed}") as bar:

        def show(state: ReplayState) -> None:
            bar(state)
            standstill(state)

        done = replaying.run(dataset, section, speed, show)
    if done.stopped:
        words.print(f"stopped: {done.sent:,} transactions sent; go on with --resume")
        raise typer.Exit(130)
    words.print(f"{done.sent:,} transactions sent")


def _why_it_waits(postgres: Engine) -> str:
    """What may be missing when no worker takes what has been sent."""
    try:
        without_model = model_registry.champion_version(postgres) is None
    except DBAPIError:
        return "Postgres does not answer: the replay waits for it."
    return _NO_MODEL if without_model else "The lag does not fall: is a worker running? Start `segue worker`."
