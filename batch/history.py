"""Every segment change of every customer, recomputed from transactions by brute force.

No closed form, no bisection and no stored segment: a scikit-learn pipeline scores each customer after each transaction,
after each activation of a model, and at every whole day since the last purchase in between. A change is a score that
differs from the score before it. The result therefore does not rest on the argument behind the closed form of decay.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from batch.scorer import Scorers
from models.scoring import net_or_gross
from models.units import MICROS_PER_DAY, MONEY_UNITS, Ints

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
        that is active from this event on; None before the first one, when nobody has a segment.
    until
        By customer: the watermark up to which time alone changes segments, in microseconds.
    scorers
        By version: all models of the events.

    Returns
    -------
    DataFrame
        The columns :data:`CHANGE`; ``effective_at`` in microseconds, money in ten-thousandths.
    """
    found = [_changes(block, scorers) for block in _blocks(_states(events, until))]
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


def _changes(states: pd.DataFrame, scorers: Scorers) -> pd.DataFrame:
    """The changes of some customers: score each day of each state, and keep the days whose score is new."""
    days = states["days"].to_numpy()
    row = np.repeat(np.arange(len(states)), days)
    waited = np.arange(len(row)) - np.repeat(np.cumsum(days) - days, days)
    recency = states["recency"].to_numpy()[row] + waited
    ids = sorted({segment for scorer in scorers.values() for segment in scorer.ids})
    segment = _scores(states, row, recency, scorers, ids)
    customer = pd.factorize(states["customer_id"])[0][row]
    first = np.append(True, customer[1:] != customer[:-1])
    changed = np.flatnonzero(first | np.append(True, segment[1:] != segment[:-1]))
    before = np.where(first[changed], -1, segment[changed - 1])
    states = states.iloc[row[changed]].reset_index(drop=True)
    by_time = waited[changed] > 0
    names = np.array([*ids, None], dtype=object)
    return states.assign(
        sequence=states.groupby("customer_id", sort=False).cumcount() + 1,
        from_segment=names[before],
        to_segment=names[segment[changed]],
        cause=_causes(states["kind"], first[changed], by_time),
        effective_at=np.where(by_time, states["last_purchase_at"] + recency[changed] * MICROS_PER_DAY, states["as_of"]),
        recency_days=recency[changed],
        monetary_units=_monetary(states, scorers),
        transaction_id=states["transaction_id"].where(~by_time),
    )[CHANGE]


def _scores(states: pd.DataFrame, row: Ints, recency: Ints, scorers: Scorers, ids: list[str]) -> Ints:
    """The segment, as a number in ``ids``, of each state in ``row`` at a recency; -1 under an unknown model."""
    frequency, monetary = states["frequency"].to_numpy(), _monetary(states, scorers) / MONEY_UNITS
    segment = np.full(len(row), -1)
    for version, own in states.groupby("model_version").indices.items():
        if scorer := scorers.get(str(version)):
            of_model = np.zeros(len(states), dtype=bool)
            of_model[own] = True
            asked = np.flatnonzero(of_model[row])
            points = np.column_stack([recency[asked], frequency[row[asked]], monetary[row[asked]]])
            number = np.array([ids.index(name) for name in scorer.ids])
            segment[asked] = number[scorer.pipeline.predict(points)]
    return segment


def _monetary(states: pd.DataFrame, scorers: Scorers) -> Ints:
    """M of each state under its model, in ten-thousandths."""
    gross, returned = states["gross_units"].to_numpy(), states["returned_units"].to_numpy()
    net = states["model_version"].map({version: scorer.model.monetary == "net" for version, scorer in scorers.items()})
    return np.where(net.fillna(True).astype(bool), net_or_gross("net", gross, returned), gross)


def _causes(kind: pd.Series, first: np.ndarray, by_time: np.ndarray) -> np.ndarray:
    cause = kind.map({"sale": "purchase", "return": "return", "model": "model"}).to_numpy(dtype=object)
    entry = np.where(cause == "model", "first_model", "first_purchase")
    return np.where(by_time, "decay", np.where(first, entry, cause))
