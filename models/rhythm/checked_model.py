"""Which rhythm model's predictions can be compared with what happened by a moment, and over how many days.

A comparison is honest only about predictions as they were made: the model was active when the days began, and had seen
no order of them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from models.rhythm.rhythm_model import FITTED_AT, HORIZONS, RhythmModel
from models.units import MICROS_PER_DAY

#: The days to compare, the best ones first: a young stream or model has had the shorter ones only.
PREFERRED_DAYS = tuple(sorted(HORIZONS, reverse=True))


class RhythmPeriod(NamedTuple):
    """The event time during which a segment model with predictions was active, in microseconds.

    ``since`` is None for the first model of the stream, ``until`` for the active one.
    """

    model_version: str
    rhythm: RhythmModel
    since: int | None
    until: int | None


class CheckedModel(NamedTuple):
    """The model whose predictions are compared with what happened within the next ``days``, from ``begin`` on.

    Parameters
    ----------
    model_version
        The segment model that carried it and was active at ``begin``.
    is_shown
        Whether the rhythm model is the one whose predictions are shown beside the comparison.
    """

    model_version: str
    rhythm: RhythmModel
    begin: int
    days: int
    is_shown: bool


def checked_models(periods: Sequence[RhythmPeriod], end: int, shown: RhythmModel) -> Iterator[CheckedModel]:
    """What can be compared up to a moment, the best first: the rhythm model that is shown, then another one."""
    found = [
        CheckedModel(
            period.model_version,
            period.rhythm,
            begin,
            days,
            period.rhythm.version == shown.version,
        )
        for days in PREFERRED_DAYS
        for begin in [end - days * MICROS_PER_DAY]
        for period in [active_at(periods, begin)]
        if period is not None and not has_seen(period.rhythm, begin)
    ]
    yield from sorted(found, key=lambda each: not each.is_shown)


def first_check(active: RhythmPeriod) -> int | None:
    """The first midnight, in microseconds, at which a rhythm model that is active can be compared with what happened.

    None if the model does not say what it has seen.
    """
    fitted = fitted_at(active.rhythm)
    if fitted is None:
        return None
    begin = fitted if active.since is None else max(fitted, active.since)
    # Comparisons begin and end at midnights only.
    midnight = -(-begin // MICROS_PER_DAY) * MICROS_PER_DAY
    return midnight + min(HORIZONS) * MICROS_PER_DAY


def active_at(periods: Sequence[RhythmPeriod], moment: int) -> RhythmPeriod | None:
    """The period that a moment is in; its end is in the next one."""
    for period in periods:
        has_begun = period.since is None or period.since <= moment
        if has_begun and (period.until is None or moment < period.until):
            return period
    return None


def fitted_at(rhythm: RhythmModel) -> int | None:
    """Up to when a rhythm model has seen orders, in microseconds; None if it does not say."""
    found = rhythm.metadata.get(FITTED_AT)
    return found if isinstance(found, int) else None


def has_seen(rhythm: RhythmModel, moment: int) -> bool:
    """Whether a rhythm model has, or may have, seen orders after a moment."""
    fitted = fitted_at(rhythm)
    return fitted is None or fitted > moment
