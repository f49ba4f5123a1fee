"""All customers as arrays are the rows of the table, whatever texts they have."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from sqlalchemy import Engine, delete, text

from dashboard.shared.reading import reading
from data.postgres.customer_columns import CustomerColumns, all_customers
from data.postgres.tables import customers
from models.rhythm.seasonal_clock import NEVER
from models.units import to_micros
from tests.support.generated_tables import Stored

ODD = "é,\"'\\ \n\u202e\U0001f600"


def read(engine: Engine) -> CustomerColumns:
    with reading(engine) as connection:
        return all_customers(connection)


def test_every_customer_who_has_ordered_is_there_once_in_the_order_of_the_ids(filled: Engine, stream: Stored) -> None:
    rows = stream.customers[stream.customers["frequency"] > 0].sort_values("customer_id")
    found = read(filled)
    number = range(len(rows))
    assert 0 < len(rows) < len(stream.customers)
    assert [found.customer_id.of(row) for row in number] == rows["customer_id"].tolist()
    assert [found.country.of(row) for row in number] == rows["country"].tolist()
    assert [found.segment.of(row) for row in number] == rows["segment"].tolist()
    assert found.histories.orders.tolist() == rows["frequency"].tolist()
    assert found.histories.first_at.tolist() == micros(rows["first_purchase_at"])
    assert found.histories.last_at.tolist() == micros(rows["last_purchase_at"])
    assert found.spent.tolist() == pytest.approx((rows["gross"] - rows["returned"]).tolist())
    assert found.next_change_at.tolist() == micros(rows["next_change_at"])
    assert [found.next_segment.of(row) for row in number] == [
        None if pd.isna(each) else each for each in rows["next_segment"]
    ]


def test_odd_texts_moments_and_amounts_come_back_exactly(filled: Engine) -> None:
    at = datetime(2011, 2, 3, 4, 5, 6, 789_123, tzinfo=UTC)
    with filled.begin() as connection:
        connection.execute(delete(customers).where(customers.c.customer_id != "10001"))
        connection.execute(
            text(
                "UPDATE customers SET customer_id = :odd, country = :odd, segment = NULL, first_purchase_at = :at, "
                "gross = 0.1, returned = 12345678.9012, next_change_at = NULL, next_segment = NULL, frequency = 3"
            ),
            {"odd": ODD, "at": at},
        )
    found = read(filled)
    assert (found.customer_id.of(0), found.country.of(0), found.segment.of(0)) == (ODD, ODD, None)
    assert found.histories.first_at.tolist() == [to_micros(at)]
    assert found.spent.tolist() == [-12345678.8012]
    assert (found.next_change_at.tolist(), found.next_segment.of(0)) == ([NEVER], None)


def test_without_customers_the_arrays_are_empty(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(delete(customers))
    found = read(filled)
    assert len(found.spent) == len(found.customer_id.ends) == len(found.histories.orders) == 0


def micros(moments: "pd.Series[pd.Timestamp]") -> list[int]:
    return [NEVER if pd.isna(at) else to_micros(at.to_pydatetime()) for at in moments]
