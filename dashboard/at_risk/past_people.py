"""Everybody who had ordered by a past day, as the page "At risk" needs them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from dashboard.shared.past import Past
from dashboard.shared.personas import Personas
from dashboard.shared.risk_list import RiskList, risk_list
from data.postgres.past_moments import SOME_PARTITIONS_ONLY, PastError
from data.postgres.people import Coded, Ids, People
from models.decay import NEVER
from models.published_outlook import published_outlook
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import MONEY_UNITS, Bools, Ints, to_micros
from runtime.counts import many


@dataclass(frozen=True, eq=False)
class PastPeople:
    """Everybody who had ordered, in the order of their ids.

    Parameters
    ----------
    past
        What they are made from, which keeps what is computed of them.
    model
        The one that was active. If it has a window, nobody has a next change.
    fits
        Shape (n,): whether the published segment follows from R, F and M as they are known now. The others, of whom
        orders came late or were revised, have no next change.
    """

    past: Past
    people: People
    model: SegmentModel
    known: Personas
    fits: Bools

    @property
    def at(self) -> datetime:
        """The moment."""
        return self.past.at

    @property
    def foreseen(self) -> Bools:
        """Shape (n,): whether it is known what time alone does."""
        return self.fits if self.model.window_days is None else np.zeros_like(self.fits)

    @property
    def unsettled(self) -> int:
        """How many have no next change, because it is not known."""
        return int((~self.fits).sum())


def read(past: Past) -> PastPeople:
    """Everybody who had ordered by the moment, computed once.

    Raises
    ------
    PastError
        If not exactly one model was active on all partitions.
    """
    if PastPeople not in past.derived:
        past.derived[PastPeople] = _read(past)
    found: PastPeople = past.derived[PastPeople]
    return found


def at_risk(found: PastPeople, rhythm: RhythmModel) -> RiskList:
    """All of them by money at stake, computed once."""
    key = (RiskList, rhythm.version)
    if key not in found.past.derived:
        found.past.derived[key] = risk_list(found.people, rhythm, found.at, found.foreseen)
    answer: RiskList = found.past.derived[key]
    return answer


def unsettled(number: int) -> str:
    """What is not shown of customers whose segment does not follow from their numbers."""
    return (
        f"Orders of {many(number, 'customer')} came late or were revised, so that the segment published then does not "
        "follow from the numbers as they are known now: their next move is not shown."
    )


def _read(past: Past) -> PastPeople:
    states = past.states[past.states["frequency"] > 0].reset_index(drop=True)
    model = _model(past, states)
    segment = _numbers(states, model)
    first, last, counts_from = (
        _micros(states[name]) for name in ("first_purchase_at", "last_purchase_at", "counts_from")
    )
    gross, returned, frequency = (_ints(states[name]) for name in ("gross_units", "returned_units", "frequency"))
    counted = [_ints(states[f"counted_{name}"]) for name in ("frequency", "gross_units", "returned_units")]
    # Somebody in no segment of this model is in none that follows; any number stands for it meanwhile.
    inside = segment != NO_SEGMENT
    ahead = published_outlook(model, np.where(inside, segment, 0), counts_from, to_micros(past.at), *counted)
    fits = ahead.fits & inside
    country = states["country"].astype("category").cat
    published = states["segment"].astype("category").cat
    people = People(
        customer_id=Ids.from_texts(states["customer_id"].tolist()),
        country=Coded(_ints(country.codes), tuple(country.categories)),
        segment=Coded(_ints(published.codes), tuple(published.categories)),
        histories=Histories(first, last, frequency),
        spent=(gross - returned) / MONEY_UNITS,
        next_change_at=np.where(fits, ahead.next_change_at, NEVER),
        next_segment=Coded(
            np.where(fits, ahead.next_segment, NO_SEGMENT), tuple(segment.id for segment in model.segments)
        ),
    )
    return PastPeople(past, people, model, past.known, fits)


def _model(past: Past, states: pd.DataFrame) -> SegmentModel:
    versions = states["model_version"].drop_duplicates().tolist()
    if not versions or versions == [None]:
        raise PastError("there was no model yet, or nobody had ordered")
    if len(versions) > 1:
        raise PastError(SOME_PARTITIONS_ONLY)
    return past.models[versions[0]]


def _numbers(states: pd.DataFrame, model: SegmentModel) -> Ints:
    """The number of each published segment in the model; ``NO_SEGMENT`` if it has none such."""
    numbers = states["segment"].map(model.index)
    return _ints(numbers.fillna(NO_SEGMENT))


def _micros(moments: "pd.Series[pd.Timestamp]") -> Ints:
    return _ints(moments.astype("int64"))


def _ints(column: "pd.Series[Any]") -> Ints:
    found: Ints = column.to_numpy(dtype=np.int64)
    return found
