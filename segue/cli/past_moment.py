"""The option for a past moment, how commands read one, and what they say of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from sqlalchemy import Connection

from data.postgres.audience_members import AudienceMoment, at_one_moment
from runtime.counts import many
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import messages, spinner
from segue.cli.postgres import connect

if TYPE_CHECKING:
    from data.postgres.past_moments import Answerable

AsOf = Annotated[
    Optional[datetime],  # noqa: UP045 - typer reads it
    typer.Option(
        parser=options.moment,
        metavar="DATE",
        help="As of a past moment of event time: a day, which means its first moment (UTC), or a moment.",
    ),
]


def answer_seconds(as_of: datetime | None) -> float | None:
    """How long a statement may take: a past moment of a big shop takes minutes."""
    return None if as_of is None else 0


@contextmanager
def at_moment(settings: Settings, as_of: datetime | None) -> Iterator[Connection]:
    """A connection that sees all audiences at one moment; while it reads a past one, the command says so."""
    with at_one_moment(connect(settings, answer_seconds(as_of))) as connection:
        if as_of is None:
            yield connection
            return
        with spinner("Looking back"):
            yield connection


def notes(known: "Answerable", outside: int = 0) -> list[str]:
    """What a reader of a past moment should know.

    Parameters
    ----------
    outside
        How many customers were in no segment.
    """
    found = [f"{many(outside, 'more customer was', 'more customers were')} in no segment."] if outside else []
    if known.forgotten:
        found.append(
            f"{many(known.forgotten, 'customer was', 'customers were')} forgotten "
            "since the stream began; no past day has them any more."
        )
    if known.late or known.revisions:
        found.append(
            f"Since the stream began, {many(known.late, 'order')} came late and "
            f"{many(known.revisions, 'was', 'were')} revised: they count "
            "in the numbers from their own event time, and in segments from when they were applied."
        )
    return found


def say_of_past(now: AudienceMoment) -> None:
    """Print what a reader of an audience as of a past moment should know; nothing of the present."""
    if now.past is None:
        return
    lines = notes(now.past.known)
    if now.past.model is None:
        lines.insert(0, "There was no model yet, so no customer was in a segment.")
    for line in [*lines, "Countries are the present ones."]:
        messages.print(line, markup=False, soft_wrap=True)
