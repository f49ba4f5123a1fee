"""What an audience is: filters on customers, joined by "and". Pure.

:mod:`models.audience_text` reads and writes the one text form that the command line, addresses and JSON have.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.rhythm.risk import RISK_STATES, RiskState
from models.units import Floats, Ints
from runtime.errors import SegueError

#: The number of a risk state that a customer without any order left does not have.
NO_STATE = -1
_NAME = re.compile(r"\w(?:[\w .&+-]{0,62}[\w+])?")
NAME_RULE = (
    "a name has 1 to 64 letters, digits, blanks, dots, dashes, `_`, `&` or `+`, and begins with a letter or digit"
)


class AudienceError(SegueError, ValueError):
    """A name or a definition that can't be one; the message says on one line what is wrong and what is possible."""


class Range(NamedTuple):
    """A range of numbers, both ends included; None for an open end."""

    least: int | Decimal | None = None
    most: int | Decimal | None = None

    @property
    def is_open(self) -> bool:
        """Whether every number is in it."""
        return self.least is None and self.most is None


ANY = Range()


@dataclass(frozen=True)
class AudienceDefinition:
    """Filters that a customer must pass, all of them; an empty one lets every customer through.

    Parameters
    ----------
    segments
        Ids of segments, one of which the customer is in.
    risk_states
        Risk states, one of which the customer is in.
    countries
        Countries, one of which is the customer's.
    recency_days, frequency, net_spend, at_stake
        Whole days since the last order, orders, what was spent minus all returns, and money at stake; the last two in
        currency units.
    moved_from, moved_to
        Ids of segments that one and the same change has left and entered.
    since
        Only changes that became true on this day (UTC) or later, or within this many days before the moment at which
        the audience is asked for. None: ever.
    """

    segments: tuple[str, ...] = ()
    risk_states: tuple[RiskState, ...] = ()
    countries: tuple[str, ...] = ()
    recency_days: Range = ANY
    frequency: Range = ANY
    net_spend: Range = ANY
    at_stake: Range = ANY
    moved_from: tuple[str, ...] = ()
    moved_to: tuple[str, ...] = ()
    since: date | int | None = None

    @property
    def needs_rhythm(self) -> bool:
        """Whether a rhythm model is needed to say who is in it."""
        return bool(self.risk_states) or not self.at_stake.is_open

    @property
    def asks_for_moves(self) -> bool:
        """Whether a filter is about changes of the past."""
        return bool(self.moved_from or self.moved_to)

    def since_moment(self, event_time: datetime) -> datetime | None:
        """From when on changes count, for an audience at event time; None for all changes."""
        if self.since is None:
            return None
        if isinstance(self.since, int):
            # Python has no moment before the year 1.
            long_ago = event_time - datetime.min.replace(tzinfo=UTC) < timedelta(days=self.since)
            return None if long_ago else event_time - timedelta(days=self.since)
        return datetime.combine(self.since, time(), UTC)


def checked_name(text: str) -> str:
    """The name of an audience, without blanks around it.

    Raises
    ------
    AudienceError
        If it can't be a name.
    """
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise AudienceError(NAME_RULE)
    return name


def with_known_segments(definition: AudienceDefinition, personas: Mapping[str, str]) -> AudienceDefinition:
    """The definition with ids in place of the names of segments.

    Parameters
    ----------
    personas
        Names of segments by id, of all models.

    Raises
    ------
    AudienceError
        If no model has a segment of that id or name.
    """
    ids = {text.casefold(): segment for segment, name in personas.items() for text in (name, segment)}

    def known(names: Sequence[str]) -> tuple[str, ...]:
        unknown = [name for name in names if name.casefold() not in ids]
        if unknown:
            possible = ", ".join(sorted(personas.values())) or "none yet, because there is no model"
            raise AudienceError(f"no model has a segment `{unknown[0]}`; the segments are {possible}")
        return tuple(dict.fromkeys(ids[name.casefold()] for name in names))

    return replace(
        definition,
        segments=known(definition.segments),
        moved_from=known(definition.moved_from),
        moved_to=known(definition.moved_to),
    )


def in_risk(definition: AudienceDefinition, state: Ints, at_stake: Floats) -> NDArray[np.bool_]:
    """Which of n customers pass the filters on risk states and money at stake.

    Parameters
    ----------
    state
        Numbers of risk states, shape (n,); :data:`NO_STATE` for a customer who has none.
    at_stake
        Money at stake in currency units, shape (n,).
    """
    inside = np.ones(len(state), dtype=bool)
    if definition.risk_states:
        inside &= np.isin(state, [RISK_STATES.index(each) for each in definition.risk_states])
    if definition.at_stake.least is not None:
        inside &= at_stake >= float(definition.at_stake.least)
    if definition.at_stake.most is not None:
        inside &= at_stake <= float(definition.at_stake.most)
    return inside
