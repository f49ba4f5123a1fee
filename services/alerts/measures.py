"""What rules measure, each at the present moment of the stream."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row

from data.postgres import audience_members, audiences, currency, dead_letters, drift, model_registry
from data.postgres.audience_members import at_one_moment
from data.postgres.past_customers import rhythm_periods
from models.audience import AudienceDefinition, with_known_segments
from models.audience_text import to_text
from models.drift.observation import PREDICTIONS
from models.rhythm.checked_model import active_at, first_check
from models.rhythm.rhythm_model import HORIZONS
from models.units import MICROS_PER_DAY, from_micros, to_micros
from runtime.errors import NotFoundError
from services.alerts.rules import Measure, Rule
from services.claimed_partitions import ClaimedPartition, ClaimedPartitions


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure at a moment.

    Parameters
    ----------
    value
        In customers, currency units, records, alarms, per cent or partitions; None if it is unknown.
    about
        What was measured, in words; or why it is unknown.
    event_time
        The moment of a measure of customers; None for the others.
    currency
        Of a measure in currency units, as an ISO 4217 code; None for the others, or if the stream has none yet.
    """

    value: float | None
    about: str
    event_time: datetime | None = None
    currency: str | None = None

    def is_above(self, limit: float) -> bool | None:
        """Whether the measure is above a limit; None if it is unknown."""
        return None if self.value is None else self.value > limit


@dataclass(frozen=True)
class Sources:
    """What measures are made of: Postgres, and the status of all partitions, which is looked at when needed."""

    postgres: Engine
    claimed: Callable[[], ClaimedPartitions]


#: Before its first comparison, a model has been active for this long in days that have ended and may be observed.
_UNOBSERVED = (min(HORIZONS) - 1) * MICROS_PER_DAY
_NO_BROKER = "no broker answers with the end of the log"


def measured(rule: Rule, sources: Sources) -> Measured:
    """The measure of a rule now.

    Raises
    ------
    DBAPIError
        If Postgres does not answer.
    NotFoundError, AudienceError
        If an audience, a segment, a model or event time is missing.
    """
    return _MEASURES[rule.measure](rule, sources)


def _customers(rule: Rule, sources: Sources) -> Measured:
    with at_one_moment(sources.postgres) as connection:
        name, definition = _group(rule, connection, sources.postgres)
        now = audience_members.moment(connection)
        return Measured(audience_members.count(connection, definition, now), name, now.event_time)


def _money_at_stake(rule: Rule, sources: Sources) -> Measured:
    with at_one_moment(sources.postgres) as connection:
        name, definition = _group(rule, connection, sources.postgres)
        now = audience_members.moment(connection)
        sums = audience_members.totals(connection, definition, now)
        if sums.at_stake is None:
            raise NotFoundError("money at stake needs a model with predictions: fit one with `segue fit`")
        return Measured(sums.at_stake, name, now.event_time, currency.stored(connection))


def _group(rule: Rule, connection: Connection, postgres: Engine) -> tuple[str, AudienceDefinition]:
    """The customers of a rule: what they are called, and the definition with ids of segments."""
    if rule.where is not None:
        return to_text(rule.where), with_known_segments(rule.where, model_registry.personas(postgres))
    found = audiences.find(connection, str(rule.audience))
    return f"the audience {found.name}", found.definition


def _dead_letters(_rule: Rule, sources: Sources) -> Measured:
    waiting = sum(row.waiting for row in dead_letters.by_reason(sources.postgres, None))
    return Measured(waiting, "dead letters that wait for a retry: see `segue dlq list`")


def _drift_alarms(_rule: Rule, sources: Sources) -> Measured:
    version = model_registry.require_champion_version(sources.postgres)
    return Measured(
        len(drift.alarms(sources.postgres, version)), f"drift alarms of the model {version}: see `segue drift status`"
    )


def _prediction_error(_rule: Rule, sources: Sources) -> Measured:
    version = model_registry.require_champion_version(sources.postgres)
    observed = drift.newest(sources.postgres, version)
    found = [row for row in observed if row.measure == PREDICTIONS]
    if not found:
        return _nothing_compared(sources.postgres, version, observed[0].window_end if observed else None)
    worst = max(found, key=_error)
    return Measured(
        round(_error(worst), 1),
        "the difference between the customers who were predicted to order and those who did; 0 while chance and "
        "calibration allow it: see `segue drift status`",
        worst.window_end,
    )


def _nothing_compared(postgres: Engine, version: str, observed: datetime | None) -> Measured:
    """No error, while nothing can have been compared; ``observed`` is the end of the newest observed day."""
    with at_one_moment(postgres) as connection:
        now = audience_members.moment(connection)
        if now.rhythm is None:
            raise NotFoundError("the error of predictions needs a model with predictions: fit one with `segue fit`")
        active = active_at(rhythm_periods(connection, now.event_time, now.event_time), to_micros(now.event_time))
    if active is None or active.model_version != version:
        about = f"nothing to compare before the model {version} is active on all partitions"
        return Measured(0.0, about, now.event_time)
    first = first_check(active)
    if first is None:
        raise NotFoundError(f"it is not known which orders the predictions of the model {version} have seen")
    if observed is None and to_micros(now.event_time) >= first - _UNOBSERVED:
        raise NotFoundError(f"no day of the model {version} has been observed: `segue drift watch` does so")
    if from_micros(first) > (observed or now.event_time):
        return Measured(0.0, f"nothing to compare before {from_micros(first):%Y-%m-%d}", observed or now.event_time)
    return Measured(0.0, "nothing to compare: no customer had ordered 30 days before", observed)


def _error(row: Row[Any]) -> float:
    """By how many per cent of the predicted number another number of customers ordered; 0 within the allowance."""
    is_beyond = abs(row.value - row.reference) > abs(row.threshold - row.reference)
    return 100 * abs(row.value / row.reference - 1) if is_beyond and row.reference else 0.0


def _lag(_rule: Rule, sources: Sources) -> Measured:
    partitions = _partitions(sources)
    lags = [each.lag for each in partitions if each.lag is not None]
    if len(lags) < len(partitions):
        return Measured(None, _NO_BROKER)
    return Measured(max(lags), "records behind, of the partition that is furthest behind: see `segue status`")


def _stuck_partitions(_rule: Rule, sources: Sources) -> Measured:
    partitions = _partitions(sources)
    problems = [each.problem for each in partitions if each.stuck or each.failing]
    if not problems and any(each.lag is None for each in partitions):
        return Measured(None, _NO_BROKER)
    shown = "; ".join(problem for problem in problems if problem) or "partitions that are stuck or failing"
    return Measured(len(problems), shown)


def _partitions(sources: Sources) -> Sequence[ClaimedPartition]:
    found = sources.claimed().partitions
    if not found:
        raise NotFoundError("no worker has claimed a partition yet")
    return found


_MEASURES: Mapping[Measure, Callable[[Rule, Sources], Measured]] = {
    "customers": _customers,
    "money_at_stake": _money_at_stake,
    "dead_letters": _dead_letters,
    "drift_alarms": _drift_alarms,
    "prediction_error": _prediction_error,
    "lag": _lag,
    "stuck_partitions": _stuck_partitions,
}
