"""What only an operator may do on the Operations page: control a replay, and requeue a dead letter."""

from collections.abc import Callable

from sqlalchemy import Engine

from dashboard.shared.acts import act, engine
from data.postgres import dead_letters, replay_control
from data.postgres.dead_letters import StoredDeadLetter
from producers.log_session import session
from producers.pace import Speed
from producers.requeue import retry
from runtime.settings import Settings

_REPLAY = "the running replay"


def pause() -> str:
    """Pause the running replay; returns a message. Raises what :func:`replay_control.pause` raises."""
    return _command("control pause", replay_control.pause, "will pause")


def resume() -> str:
    """Resume the paused replay; returns a message."""
    return _command("control resume", replay_control.resume, "will resume")


def set_speed(speed: str) -> str:
    """Change the running replay's speed; returns a message.

    Raises
    ------
    ValueError
        If ``speed`` is not a speed.
    """
    factor = Speed.parse(speed).factor
    return _command(
        "control speed",
        lambda postgres: replay_control.set_speed(postgres, factor),
        f"will run at {speed}",
        speed=speed,
    )


def requeue(log_id: str, partition: int, offset: int) -> str:
    """Write a dead letter to the transactions topic again, as `segue dlq retry` does; returns a message.

    Raises
    ------
    LookupError, LogError, WriteError
        If the dead letter no longer exists, or Kafka is not available or refuses it.
    """
    with act("dlq retry", f"{partition}:{offset}", log_id=log_id) as found, session(Settings()) as open_log:
        letter: StoredDeadLetter = dead_letters.find(open_log.postgres, partition, offset, log_id)
        found["retried"] = retry(open_log.postgres, open_log.writer, [letter])
    return f"{letter.id} was written to the transactions topic again"


def _command(name: str, send: Callable[[Engine], list[str]], effect: str, **detail: str) -> str:
    with act(name, _REPLAY, **detail) as found:
        found["datasets"] = sent = send(engine())
    return f"{', '.join(sent)} {effect}"
