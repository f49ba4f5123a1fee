"""``segue control``: pause a running replay, let it go on, change its speed."""

import time
from typing import Annotated, Any

import typer
from sqlalchemy import Engine, Row

from data.postgres import replay_control
from data.postgres.database import engine
from producers.pace import Speed
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import words

_PATIENCE_SECONDS = 3.0
_NAP_SECONDS = 0.1

app = typer.Typer(
    no_args_is_help=True, help="Control a running replay (or demo) from outside: pause, resume, change its speed."
)


@app.command()
def pause() -> None:
    """Have the running replay wait: no transaction and no tick is sent, so event time stands still."""
    postgres = engine(Settings().database)
    _tell(postgres, replay_control.pause(postgres))


@app.command()
def resume() -> None:
    """Let a paused replay go on where it stands: nothing is sent twice or left out, event time does not jump."""
    postgres = engine(Settings().database)
    _tell(postgres, replay_control.resume(postgres))


# What begins with a minus is no option here, but a speed that is none.
@app.command(context_settings={"ignore_unknown_options": True})
def speed(
    pace: Annotated[
        Speed,
        typer.Argument(parser=options.speed, metavar="SPEED", help="1d/s, 12h/s, 500x (times real time), … or max."),
    ],
) -> None:
    """Change the speed of the running replay, without a jump in event time."""
    postgres = engine(Settings().database)
    _tell(postgres, replay_control.set_speed(postgres, pace.factor))


def state(row: Row[Any]) -> str:
    """What is known of a replay, in one line."""
    doing = row.state
    if row.state in replay_control.ALIVE and not replay_control.alive(row):
        doing = f"silent for {float(row.silent):,.0f} s"
    return (
        f"{row.dataset} {doing} at {row.event_time:%Y-%m-%d %H:%M}, {row.sent:,} of {row.total:,} sent, "
        f"{Speed(row.speed)}"
    )


def _tell(postgres: Engine, datasets: list[str]) -> None:
    """Wait for the replays to obey, and say how they are."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        rows = [row for row in replay_control.replays(postgres) if row.dataset in datasets]
        late = [row for row in rows if not replay_control.has_applied_request(row)]
        if not late or time.monotonic() > deadline:
            break
        time.sleep(_NAP_SECONDS)
    for row in rows:
        words.print(state(row) + (" (told, and has not answered yet)" if row in late else ""), highlight=False)
