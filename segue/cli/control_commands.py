"""``segue control``: pause and resume a running replay, and change its speed."""

import time
from typing import Annotated, Any

import typer
from sqlalchemy import Engine, Row

from data.postgres import replay_control
from producers.pace import Speed
from runtime.settings import Settings
from segue.cli import options
from segue.cli.auditing import recorded
from segue.cli.console import messages
from segue.cli.postgres import connect

_ANSWER_SECONDS = 3.0
_CHECK_SECONDS = 0.1
_REPLAY = "the running replay"

app = typer.Typer(no_args_is_help=True, help="Control a running replay or demo: pause, resume, change its speed.")


@app.command()
def pause() -> None:
    """Pause the running replay: it sends neither transactions nor ticks, so event time stops."""
    postgres = connect(Settings())
    with recorded(postgres, "control pause", _REPLAY) as found:
        found["datasets"] = asked = replay_control.pause(postgres)
    _wait_for_answer(postgres, asked)


@app.command()
def resume() -> None:
    """Resume a paused replay: nothing is sent twice or left out, and event time does not jump."""
    postgres = connect(Settings())
    with recorded(postgres, "control resume", _REPLAY) as found:
        found["datasets"] = asked = replay_control.resume(postgres)
    _wait_for_answer(postgres, asked)


# Text that begins with a minus is an invalid speed, not an unknown option.
@app.command(context_settings={"ignore_unknown_options": True})
def speed(
    pace: Annotated[
        Speed,
        typer.Argument(parser=options.speed, metavar="SPEED", help="1d/s, 12h/s, 500x (times real time), … or max."),
    ],
) -> None:
    """Change the speed of the running replay; event time does not jump."""
    postgres = connect(Settings())
    with recorded(postgres, "control speed", _REPLAY, speed=str(pace)) as found:
        found["datasets"] = asked = replay_control.set_speed(postgres, pace.factor)
    _wait_for_answer(postgres, asked)


def state(row: Row[Any]) -> str:
    """Return a replay's status as one line."""
    status = row.state
    if row.state in replay_control.ALIVE and not replay_control.alive(row):
        status = f"silent for {float(row.silent):,.0f} s"
    return (
        f"{row.dataset} {status} at {row.event_time:%Y-%m-%d %H:%M}, {row.sent:,} of {row.total:,} sent, "
        f"{Speed(row.speed)}"
    )


def _wait_for_answer(postgres: Engine, datasets: list[str]) -> None:
    """Wait until the replays follow the request, and print their status."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while True:
        rows = [row for row in replay_control.replays(postgres) if row.dataset in datasets]
        silent = [row for row in rows if not replay_control.has_applied_request(row)]
        if not silent or time.monotonic() > deadline:
            break
        time.sleep(_CHECK_SECONDS)
    for row in rows:
        messages.print(
            state(row) + (" (asked, and has not answered yet)" if row in silent else ""), highlight=False, markup=False
        )
