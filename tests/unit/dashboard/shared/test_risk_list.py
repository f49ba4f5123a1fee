"""The list of customers at risk: filters, orders, sums and the table of the file."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from dashboard.shared.risk_list import ORDERS, RiskList, Wanted, risk_list
from data.postgres.customer_columns import Coded, CustomerColumns, Ids
from models.rhythm.histories import Histories
from models.rhythm.risk import RISK_STATES
from models.rhythm.seasonal_clock import NEVER
from models.units import MICROS_PER_DAY, to_micros
from tests.support.rhythm import a_rhythm

NOW = datetime(2011, 9, 1, 12, tzinfo=UTC)
NUMBER = 400


def coded(rng: np.random.Generator, texts: Sequence[str], missing: float = 0.0) -> Coded:
    number = rng.integers(0, len(texts), NUMBER)
    return Coded(np.where(rng.random(NUMBER) < missing, -1, number), tuple(texts))


@pytest.fixture(scope="module")
def found() -> RiskList:
    rng = np.random.default_rng(5)
    orders = rng.integers(1, 40, NUMBER)
    silent, span = rng.integers(0, 300, NUMBER), np.where(orders > 1, rng.integers(5, 300, NUMBER), 0)
    last = to_micros(NOW) - silent * MICROS_PER_DAY
    customers = CustomerColumns(
        customer_id=Ids.from_texts(f"ç{number:04d}" for number in range(NUMBER)),
        country=coded(rng, ["France", "Spain", "Eire"]),
        segment=coded(rng, ["champions", "lost"], 0.1),
        histories=Histories(last - span * MICROS_PER_DAY, last, orders),
        spent=rng.uniform(-50, 5_000, NUMBER).round(2),
        next_change_at=np.where(rng.random(NUMBER) < 0.2, NEVER, to_micros(NOW) + silent * MICROS_PER_DAY),
        next_segment=coded(rng, ["champions", "lost"], 0.2),
    )
    return risk_list(customers, a_rhythm(), NOW)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(segments=["champions"]),
        Wanted(states=["due", "presumed_lost"]),
        Wanted(countries=["Eire", "Spain"]),
        Wanted(least=300.0),
        Wanted(["lost"], ["overdue", "due"], ["France"], 10.0),
        Wanted(segments=["nobody"]),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
def test_filters_and_orders_are_those_of_the_table(found: RiskList, wanted: Wanted, order: str) -> None:
    everybody = found.frame(np.arange(NUMBER)).assign(stake=found.found.stake.money, row=range(NUMBER))
    keep = pd.Series(data=True, index=everybody.index)
    keep &= everybody["segment"].isin(wanted.segments) if wanted.segments else True
    keep &= everybody["risk_state"].isin(wanted.states) if wanted.states else True
    keep &= everybody["country"].isin(wanted.countries) if wanted.countries else True
    keep &= everybody["stake"] >= wanted.least
    column, ascending = {
        "stake": ("stake", False),
        "newest": ("state_since", False),
        "spent": ("net_spend", False),
        "soonest": ("next_change_at", True),
    }[order]
    expected = everybody[keep].sort_values([column, "customer_id"], ascending=[ascending, True], na_position="last")
    rows = found.rows(wanted, order)
    assert rows.tolist() == expected["row"].tolist()
    for state, (number, stake) in found.by_state(rows).items():
        stakes = expected["stake"][expected["risk_state"] == state].tolist()
        assert number == len(stakes)
        assert stake == pytest.approx(sum(stakes))


def test_the_table_has_one_row_a_customer_with_what_the_page_shows(found: RiskList) -> None:
    rows = found.rows(Wanted())[:50]
    table = found.frame(rows)
    assert table["customer_id"].is_unique
    for row, line in zip(rows.tolist(), table.to_dict("records"), strict=True):
        own = found.own(row)
        assert (line["risk_state"], line["purchases"]) == (own.state, own.orders)
        assert line["state_since"] == pd.Timestamp(own.since)
        assert line["money_at_stake"] == pytest.approx(own.at_stake, abs=0.006)
        assert line["p_order_within_90_days"] == pytest.approx(own.p_order, abs=0.00006)
        assert line["silent_days"] == int(own.silent_days)
        assert line["reason"].startswith("bought once" if own.orders == 1 else "buys ")


def test_all_states_occur_so_that_the_other_tests_see_them(found: RiskList) -> None:
    assert all(number for number, _ in found.by_state(found.rows(Wanted())).values())
    assert [*found.by_state(found.rows(Wanted()))] == [*RISK_STATES]


def test_a_later_moment_only_moves_customers_on_through_the_states(found: RiskList) -> None:
    later = risk_list(found.customers, a_rhythm(), NOW + timedelta(days=40))
    assert (later.found.state >= found.found.state).all()
    assert (later.found.state > found.found.state).any()


def test_no_customers_give_an_empty_table_with_its_columns(found: RiskList) -> None:
    empty = found.frame(found.rows(Wanted(segments=["nobody"])))
    assert empty.empty
    assert [*empty.columns] == [*found.frame(found.rows(Wanted())).columns]
