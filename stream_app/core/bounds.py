"""Bounds of event time, decided from the record alone, so that they never depend on when the log is read.

A time in the future is measured against the record's own Kafka timestamp: one mistyped year would otherwise age every
customer of a partition, and a watermark never goes back. A record without a timestamp has only the fixed bounds.
"""

from datetime import datetime, timedelta

from data.contract.bounds import EARLIEST as EARLIEST
from data.contract.bounds import LATEST as LATEST
from models.units import to_micros

EARLIEST_MICROS, LATEST_MICROS = to_micros(EARLIEST), to_micros(LATEST)

ONE_DAY = timedelta(days=1)
_ONE_HOUR = timedelta(hours=1)
_YEAR_DAYS = 365.2425


class FutureError(ValueError):
    """An event time is too far after the record's own timestamp."""


def event_time(moment: datetime, subject: str, timestamp: int | None, max_ahead: timedelta) -> int:
    """An event time in microseconds, if it is within the bounds.

    Parameters
    ----------
    subject
        Subject and verb for the error message, such as ``the tick is``.
    timestamp
        The record's Kafka timestamp in milliseconds; None or negative if it has none.
    max_ahead
        How far an event time may be after the timestamp.

    Raises
    ------
    FutureError
        If the event time is too far after the timestamp.
    ValueError
        If it is outside the fixed bounds, :data:`EARLIEST` to :data:`LATEST`.
    """
    micros = to_micros(moment)
    # Nearly every record is written after it happened: only the others are worth a timedelta.
    if timestamp is not None and 0 <= timestamp * 1_000 < micros:
        ahead = timedelta(microseconds=micros - timestamp * 1_000)
        if ahead > max_ahead:
            raise FutureError(
                f"{subject} {in_words(ahead)} after it was written to Kafka: "
                f"more than SEGUE_MAX_AHEAD allows ({in_words(max_ahead)})"
            )
    if not EARLIEST_MICROS <= micros < LATEST_MICROS:
        raise ValueError(f"{moment.isoformat()} is not between {EARLIEST.year} and {LATEST.year}")
    return micros


def in_words(span: timedelta) -> str:
    """A time span in its largest unit that gives at least two, rounded down; exactly one day is ``1 day``.

    Coarse on purpose: dead letters are counted by reason.
    """
    if span == ONE_DAY:
        return "1 day"
    for unit, size in (
        ("years", ONE_DAY * _YEAR_DAYS),
        ("days", ONE_DAY),
        ("hours", _ONE_HOUR),
        ("minutes", _ONE_HOUR / 60),
    ):
        if span >= 2 * size:
            return f"{span // size:,} {unit}"
    return f"{span.total_seconds():g} seconds"
