"""Every segment change of every customer, recomputed from transactions by brute force.

No closed form, no bisection and no stored segment: a scikit-learn pipeline scores each customer after each transaction,
after each activation of a model, and at every whole day since the last purchase in between; under a model with a
window, also whenever something leaves the window. A change is a score that differs from the score before it. The result
therefore does not rest on the argument behind the closed form of decay.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from batch.running_totals import RunningTotals, Totals
from batch.scorer import Scorers
from models.scoring import net_or_gross_of_each
from models.units import MICROS_PER_DAY, Bools, Ints

#: The most days of customers that are scored at once.
_BLOCK = 500_000
_LONG_AGO = np.iinfo(np.int64).min

CHANGE = [
    "customer_id",
    "sequence",
    "from_segment",
    "to_segment",
    "cause",
    "effective_at",
    "recency_days",
    "frequency",
    "monetary_units",
    "gross_units",
    "returned_units",
    "model_version",
    "transaction_id",
]


def expected_changes(events: pd.DataFrame, until: pd.Series, scorers: Scorers) -> pd.DataFrame:
    """All changes of the given customers.

    Parameters
    ----------
    events
        What happens to each customer, a customer's events together and in the order of the log: ``customer_id,
        transaction_id`` (None for an activation), ``moment`` (microseconds; of an activation the watermark at which it
        was applied), ``kind`` (``sale``, ``return`` or ``model``), ``amount_units``, and ``model_version``, the model
        that is active from this event on; None before the first one, when no customer has a segment.
    until
        By customer: the watermark up to which time alone changes segments, in microseconds.
    scorers
        By version: all models of the events.

    Returns
    -------
    DataFrame
        The columns :data:`CHANGE`; ``effective_at`` in microseconds, money in ten-thousandths.
    """
    running = RunningTotals.of(events[events["kind"] != "model"])
    found = [_changes(block, scorers, running) for block in _blocks(_states(events, until))]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=CHANGE)


def _states(events: pd.DataFrame, until: pd.Series) -> pd.DataFrame:
    """The events with the customer's totals after each, for customers who have bought: ``as_of`` and ``ends_at``."""
    customer = events["customer_id"]
    sale, back = events["kind"] == "sale", events["kind"] == "return"

    def total(column: pd.Series) -> pd.Series:
        return column.groupby(customer, sort=False).cumsum()

    def latest(column: pd.Series) -> pd.Series:
        return column.groupby(customer, sort=False).cummax()

    as_of = latest(events["moment"])
    following = as_of.groupby(customer, sort=False).shift(-1, fill_value=_LONG_AGO)
    end = np.where(following == _LONG_AGO, until.reindex(customer).to_numpy(), following)
    states = events.assign(
        as_of=as_of,
        ends_at=np.maximum(end, as_of),
        frequency=total(sale.astype("int64")),
        gross_units=total(events["amount_units"].where(sale, 0)),
        returned_units=total(events["amount_units"].where(back, 0)),
        last_purchase_at=latest(events["moment"].where(sale, _LONG_AGO)),
    )
    states = states[(states["frequency"] > 0) & states["model_version"].notna()]
    recency = (states["as_of"] - states["last_purchase_at"]) // MICROS_PER_DAY
    days = (states["ends_at"] - states["last_purchase_at"]) // MICROS_PER_DAY - recency + 1
    return states.assign(recency=recency, days=days)


def _blocks(states: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The states in blocks of whole customers."""
    number = pd.factorize(states["customer_id"])[0]
    before = np.concatenate([[0], np.cumsum(np.bincount(number, weights=states["days"]))]).astype(np.int64)
    block = before[number] // _BLOCK
    for rows in np.split(np.arange(len(states)), np.flatnonzero(np.diff(block)) + 1):
        if len(rows):
            yield states.iloc[rows]


class _Moments(NamedTuple):
    """Moments of states at which customers are scored, in order.

    ``row`` is the state; ``waited`` says that time alone led to the moment, and ``expires`` that something then left
    the window.
    """

    row: Ints
    at: Ints
    waited: Bools
    expires: Bools


def _changes(states: pd.DataFrame, scorers: Scorers, running: RunningTotals) -> pd.DataFrame:
    """The changes of some customers: score each moment of each state, and keep those whose score is new."""
    row, at, waited, expires = _moments(states, scorers, running)
    recency = (at - states["last_purchase_at"].to_numpy()[row]) // MICROS_PER_DAY
    totals = _counted(states, row, at, scorers, running)
    ids = sorted({segment for scorer in scorers.values() for segment in scorer.ids})
    segment = _scores(states, row, recency, totals, scorers, ids)
    customer = pd.factorize(states["customer_id"])[0][row]
    first = np.append(True, customer[1:] != customer[:-1])
    changed = np.flatnonzero(first | np.append(True, segment[1:] != segment[:-1]))
    before = np.where(first[changed], -1, segment[changed - 1])
    states = states.iloc[row[changed]].reset_index(drop=True)
    states = states.assign(**Totals(*(column[changed] for column in totals))._asdict())
    by_time = waited[changed]
    names = np.array([*ids, None], dtype=object)
    return states.assign(
        sequence=states.groupby("customer_id", sort=False).cumcount() + 1,
        from_segment=names[before],
        to_segment=names[segment[changed]],
        cause=_causes(states["kind"], first[changed], by_time, expires[changed]),
        effective_at=at[changed],
        recency_days=recency[changed],
        monetary_units=_monetary(states, scorers),
        transaction_id=states["transaction_id"].where(~by_time),
    )[CHANGE]


def _moments(states: pd.DataFrame, scorers: Scorers, running: RunningTotals) -> _Moments:
    """Of each state: when it begins, every whole day of silence in it, and every expiry."""
    days = states["days"].to_numpy()
    row = np.repeat(np.arange(len(states)), days)
    waited = np.arange(len(row)) - np.repeat(np.cumsum(days) - days, days)
    begin, last = (states[name].to_numpy() for name in ("as_of", "last_purchase_at"))
    recency = states["recency"].to_numpy()[row] + waited
    at = np.where(waited > 0, last[row] + recency * MICROS_PER_DAY, begin[row])
    found = _Moments(row, at, waited > 0, np.zeros(len(row), dtype=bool))
    windows = {version: scorer.model.window_days for version, scorer in scorers.items()}
    for version in states["model_version"].unique():
        if window_days := windows.get(version):
            found = _with_expiries(found, *_expiries(states, str(version), window_days, running))
    return found


def _expiries(states: pd.DataFrame, version: str, window_days: int, running: RunningTotals) -> tuple[Ints, Ints]:
    """When something leaves the window of a model, and in which of its states: one that began before, and ends then."""
    leaving = running.moments()
    leaving = leaving[leaving["customer_id"].isin(states["customer_id"])]
    leaving = leaving.assign(at=leaving["moment"] + window_days * MICROS_PER_DAY).sort_values("at", kind="stable")
    numbered = states.assign(row=np.arange(len(states))).sort_values("as_of", kind="stable")
    columns = ["customer_id", "as_of", "ends_at", "model_version", "row"]
    joined = pd.merge_asof(
        leaving.astype({"customer_id": "str"}),
        numbered[columns].astype({"customer_id": "str"}),
        left_on="at",
        right_on="as_of",
        by="customer_id",
        allow_exact_matches=False,
    )
    within = joined[(joined["at"] <= joined["ends_at"]) & (joined["model_version"] == version)]
    return within["row"].to_numpy(dtype=np.int64), within["at"].to_numpy(dtype=np.int64)


def _with_expiries(known: _Moments, row: Ints, at: Ints) -> _Moments:
    """The moments with expiries among them. A day of silence that begins at an expiry is one moment with it."""
    both = pd.DataFrame(
        {
            "row": np.concatenate([known.row, row]),
            "at": np.concatenate([known.at, at]),
            "waited": np.concatenate([known.waited, np.ones(len(row), dtype=bool)]),
            "expires": np.concatenate([known.expires, np.ones(len(row), dtype=bool)]),
        }
    )
    merged = both.groupby(["row", "at"], as_index=False)[["waited", "expires"]].max()
    return _Moments(*(merged[name].to_numpy() for name in _Moments._fields))


def _counted(states: pd.DataFrame, row: Ints, at: Ints, scorers: Scorers, running: RunningTotals) -> Totals:
    """The totals that each state has at a moment: all so far, or those in the window of its model."""
    ever = Totals(*(states[name].to_numpy()[row] for name in Totals._fields))
    windows = {version: scorer.model.window_days or 0 for version, scorer in scorers.items()}
    days = states["model_version"].map(windows).fillna(0).to_numpy(dtype=np.int64)[row]
    inside = np.flatnonzero(days)
    if not len(inside):
        return ever
    customer = running.numbers(pd.Index(states["customer_id"]))[row[inside]]
    gone = running.until(customer, at[inside] - days[inside] * MICROS_PER_DAY)
    for column, left in zip(ever, gone, strict=True):
        column[inside] -= left
    return ever


def _scores(states: pd.DataFrame, row: Ints, recency: Ints, totals: Totals, scorers: Scorers, ids: list[str]) -> Ints:
    """The segment, as a number in ``ids``, of each state in ``row`` at a recency; -1 under an unknown model."""
    segment = np.full(len(row), -1)
    for version, own in states.groupby("model_version").indices.items():
        if scorer := scorers.get(str(version)):
            of_model = np.zeros(len(states), dtype=bool)
            of_model[own] = True
            asked = np.flatnonzero(of_model[row])
            points = scorer.points(recency[asked], Totals(*(column[asked] for column in totals)))
            number = np.array([ids.index(name) for name in scorer.ids])
            segment[asked] = number[scorer.numbers(points)]
    return segment


def _monetary(states: pd.DataFrame, scorers: Scorers) -> Ints:
    """M of each state under its model, in ten-thousandths."""
    gross, returned = states["gross_units"].to_numpy(), states["returned_units"].to_numpy()
    of_model = {version: scorer.model.monetary == "gross" for version, scorer in scorers.items()}
    is_gross = states["model_version"].map(of_model).fillna(False).to_numpy(dtype=bool)
    return net_or_gross_of_each(is_gross, gross, returned)


def _causes(kind: pd.Series, first: Bools, by_time: Bools, expires: Bools) -> np.ndarray:
    cause = kind.map({"sale": "purchase", "return": "return", "model": "model"}).to_numpy(dtype=object)
    entry = np.where(cause == "model", "first_model", "first_purchase")
    return np.where(by_time, np.where(expires, "expiry", "decay"), np.where(first, entry, cause))
