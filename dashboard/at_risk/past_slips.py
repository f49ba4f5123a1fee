"""The queries of :mod:`dashboard.at_risk.slips_queries` as of a past day, from all customers at that moment. Pure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dashboard.at_risk.past_people import PastPeople
from dashboard.at_risk.slips_queries import Slips
from dashboard.shared.flows import midnight
from data.postgres.customer_columns import Coded
from data.postgres.frames import MOMENT
from models.decay import NEVER
from models.units import Ints

_KEYS = ["day", "from_segment", "to_segment"]


def calendar(people: PastPeople, slips: Slips) -> pd.DataFrame:
    """Slips per event day (UTC) and pair of segments: day, from_segment, to_segment, customers, worth."""
    found = _matching(people, slips)
    days = found.assign(day=found["slips_at"].dt.floor("D")).groupby(_KEYS, as_index=False)
    return pd.DataFrame(days.agg(customers=("customer_id", "size"), worth=("net_spend", "sum")))


def page(people: PastPeople, slips: Slips, order: str, limit: int, offset: int = 0) -> pd.DataFrame:
    """The customers who slip, with the columns of :func:`dashboard.at_risk.slips_queries.page`."""
    found = _matching(people, slips)
    days = np.maximum((found["slips_at"] - pd.Timestamp(slips.now)) / pd.Timedelta(days=1), 0)
    keys = {
        "urgent": -found["net_spend"] / (days + 1),
        "soonest": found["slips_at"],
        "worth": -found["net_spend"],
        "silent": found["last_purchase_at"],
    }
    # Customers are in the order of ids, which a stable sort keeps among equals.
    rows = found.loc[keys[order].sort_values(kind="stable").index[offset : offset + limit]]
    left = (rows["slips_at"] - pd.Timestamp(midnight(slips.now))) // pd.Timedelta(days=1)
    rows.insert(5, "days_left", np.maximum(left, 0))
    return pd.DataFrame(rows.reset_index(drop=True))


def countries(people: PastPeople) -> list[str]:
    """Every customer's country, the most frequent first."""
    counts = people.past.states["country"].astype("str").value_counts()
    return sorted(counts.index, key=lambda country: (-counts[country], country))


def _matching(people: PastPeople, slips: Slips) -> pd.DataFrame:
    table = _everybody(people)
    pairs = pd.MultiIndex.from_frame(table[["from_segment", "to_segment"]]).isin([*slips.pairs])
    inside = pairs & (table["slips_at"] <= pd.Timestamp(slips.until)).to_numpy()
    if slips.worth:
        inside &= (table["net_spend"] >= slips.worth).to_numpy()
    if slips.countries:
        inside &= table["country"].isin(slips.countries).to_numpy()
    return table[inside]


def _everybody(people: PastPeople) -> pd.DataFrame:
    """All whom time alone moves, computed once."""
    derived = people.past.derived
    if _everybody not in derived:
        who = people.customers
        moves = np.flatnonzero(who.next_change_at != NEVER)
        derived[_everybody] = pd.DataFrame(
            {
                "customer_id": [who.customer_id.of(row) for row in moves.tolist()],
                "country": _texts(who.country, moves),
                "from_segment": _texts(who.segment, moves),
                "to_segment": _texts(who.next_segment, moves),
                "slips_at": _moments(who.next_change_at[moves]),
                "net_spend": who.spent[moves],
                "last_purchase_at": _moments(who.histories.last_at[moves]),
                "frequency": who.histories.orders[moves],
            }
        )
    found: pd.DataFrame = derived[_everybody]
    return found


def _texts(column: Coded, rows: Ints) -> Sequence[str]:
    return [column.texts[number] for number in column.number[rows].tolist()]


def _moments(micros: Ints) -> "pd.Series[pd.Timestamp]":
    return pd.Series(pd.to_datetime(micros, unit="us", utc=True)).astype(MOMENT)
