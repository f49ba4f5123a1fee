"""``segue replay``: write a dataset's transactions into the log."""

from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from data.postgres import model_registry, progress
from producers.control import ReplayState
from producers.flow_control import MAX_LAG
from producers.pace import Speed
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import fail, messages, spinner
from segue.cli.errors import described
from segue.cli.replay_display import LagAlarm, replay_bar

if TYPE_CHECKING:
    from data.datasets.dataset import Dataset
    from producers.replay import Section
    from producers.replay_session import ReplaySession

_NO_MODEL = (
    "There is no model yet: workers collect customers without segments until `segue fit DATASET` or "
    "`segue fit --from-stream` makes one."
)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    dataset: options.OptionalDataset = None,
    speed: options.Pace = Speed.parse("1d/s"),  # noqa: B008 - immutable
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Send only what the workers have not committed; by default everything."),
    ] = False,
    max_lag: options.MaxLag = MAX_LAG,
    mix: Annotated[
        bool,
        typer.Option("--mix", help="Send even if the stream contains another dataset; customers mix."),
    ] = False,
    accept_dates: options.AcceptDates = False,
) -> None:
    """Send a dataset's transactions into the log, paced by event time.

    Everything is sent, including what was sent before: the workers recognise duplicates, and count nothing twice.
    With `--resume` only what is missing is sent. Ctrl-C ends the replay cleanly; `--resume` continues it.
    """
    from data.datasets.selection import choose
    from producers.replay import whole
    from producers.replay_session import other_datasets, session

    settings = Settings()
    with spinner("Loading data"):
        chosen = choose(dataset, settings.datasets_dir)
    messages.print(f"Dataset: [bold]{described(chosen.why, chosen.hint)}[/]")
    options.check_dates(chosen.dataset.name, chosen.dataset.transactions, accept_dates)
    with session(settings, max_lag) as replaying:
        if not mix and (held := other_datasets(replaying.postgres, chosen.dataset.name)):
            fail(
                f"the stream contains a replay of {', '.join(held)}, not of {chosen.dataset.name}: "
                "add --mix to send it anyway, or use another Postgres"
            )
        section = whole(chosen.dataset)
        if resume:
            section = replaying.resumed(chosen.dataset, section)
            if section.is_empty:
                messages.print("Everything has been sent already.")
                return
        _run(replaying, chosen.dataset, section, speed)


def _run(replaying: "ReplaySession", dataset: "Dataset", section: "Section", speed: Speed) -> None:
    if model_registry.champion_version(replaying.postgres) is None:
        messages.print(_NO_MODEL, style="yellow")
    lag_alarm = LagAlarm(lambda: messages.print(_waiting_reason(replaying.postgres), style="yellow"))
    with replay_bar(f"replaying {speed}") as bar:

        def show(state: ReplayState) -> None:
            bar(state)
            lag_alarm(state)

        done = replaying.run(dataset, section, speed, show)
    if done.stopped:
        messages.print(f"stopped: {done.sent:,} transactions sent; continue with --resume")
        raise typer.Exit(130)
    messages.print(f"{done.sent:,} transactions sent")


def _waiting_reason(postgres: Engine) -> str:
    """Return the probable reason why the lag does not fall."""
    try:
        progress.current_watermark(postgres)
    except DBAPIError:
        return "Postgres does not answer; the replay waits for it."
    return "The lag does not fall: is a worker running? Start `segue worker`."
