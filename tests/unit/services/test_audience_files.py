"""The file of an audience: one row a customer, for spreadsheets and for systems."""

import csv
from datetime import UTC, datetime
from io import StringIO

import numpy as np
import pytest

from data.datasets.pass_through import PassThrough
from data.postgres.audience_members import FoundMembers
from data.postgres.customer_columns import Coded, CustomerColumns, Ids, Stays
from models.audience import NO_STATE
from models.rhythm.histories import Histories
from models.rhythm.rhythms import Rhythms, rhythms
from models.units import to_micros
from services.audience_files import COLUMNS, About, TooManyRowsError, Use, WrittenFile, write
from tests.support.rhythm import a_rhythm

NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
FIRST, LAST = datetime(2011, 1, 1, tzinfo=UTC), datetime(2011, 5, 1, 8, 0, tzinfo=UTC)
IDS = ("+4477", "=1+1", "12347")
PERSONAS = {"champions": "Champions", "lost": "Lost"}


def members(rows: tuple[int, ...] = (0, 1, 2)) -> FoundMembers:
    """Three customers, of whom the last one has no order left."""
    number = len(IDS)
    histories = Histories(
        np.full(number, to_micros(FIRST)), np.full(number, to_micros(LAST)), np.array([5, 2, 0], dtype=np.int64)
    )
    spent = np.array([1234.5, -3.25, 0.0])
    own = rhythms(a_rhythm(), histories._replace(orders=np.maximum(histories.orders, 1)), spent, to_micros(NOW))
    own = Rhythms(own.moments, np.where(histories.orders < 1, NO_STATE, own.state), own.stake)
    never = np.zeros(number, dtype=np.int64)
    customers = CustomerColumns(
        Ids.from_texts(IDS),
        Coded(np.array([0, 0, 1]), ("France", "@home")),
        Coded(np.array([0, 1, 1]), ("champions", "lost")),
        histories,
        spent,
        never,
        Coded(np.array([-1, -1, -1]), ("champions", "lost")),
    )
    stays = Stays(np.array([45, 45, 45]), np.full(number, to_micros(LAST)), Ids.from_texts(["lost", "", "old_one"]))
    return FoundMembers(customers, np.array(rows, dtype=np.int64), own, stays)


def written(
    use: Use, joined: PassThrough | None = None, rows: tuple[int, ...] = (0, 1, 2), sheet_rows: int = 1_000
) -> tuple[str, WrittenFile]:
    file = StringIO(newline="")
    outcome = write(file, [members(rows)], About(PERSONAS, NOW, "GBP", use, joined, sheet_rows=sheet_rows))
    return file.getvalue(), outcome


def test_a_row_has_both_segments_since_when_r_f_m_risk_and_the_moment() -> None:
    text, outcome = written("systems")
    first, _, last = csv.DictReader(StringIO(text, newline=""))
    assert outcome == WrittenFile(3)
    assert first == first | {
        "customer_id": "+4477",
        "persona": "Champions",
        "segment": "champions",
        "segment_since": "2011-05-01T08:00:00Z",
        "previous_persona": "Lost",
        "previous_segment": "lost",
        "recency_days": "45",
        "frequency": "5",
        "net_spend": "1234.50",
        "country": "France",
        "currency": "GBP",
        "as_of": "2011-06-15T09:30:00Z",
    }
    assert first["risk_state"]
    assert float(first["money_at_stake"]) > 0
    # Nobody without an order left has a rhythm, and a segment of an earlier model has no name.
    assert [last[name] for name in ("risk_state", "risk_state_since", "money_at_stake")] == ["", "", ""]
    assert last["previous_persona"] == "old_one"


def test_systems_get_every_text_as_it_is_and_no_mark() -> None:
    text, _ = written("systems")
    assert text.startswith("customer_id,")
    assert [row["customer_id"] for row in csv.DictReader(StringIO(text))] == [*IDS]


def test_spreadsheets_get_a_mark_and_nothing_that_they_would_run() -> None:
    joined = PassThrough(("=name",), {"12347": ("@SUM(A1)",), "+4477": ("Ann",), "=1+1": ("-3.5",)})
    text, _ = written("spreadsheets", joined)
    assert text.startswith("\ufeffcustomer_id,")
    head, *rows = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""))
    assert head[-1] == "'=name"
    assert [row[0] for row in rows] == ["'+4477", "'=1+1", "12347"]
    assert [row[-1] for row in rows] == ["Ann", "-3.5", "'@SUM(A1)"]
    assert [row[COLUMNS.index("net_spend")] for row in rows] == ["1234.50", "-3.25", "0.00"]
    assert rows[2][COLUMNS.index("country")] == "'@home"


def test_columns_of_a_file_are_joined_by_id_and_counted_both_ways() -> None:
    joined = PassThrough(("email", "Country"), {"12347": ("a@x", "FR"), "9": ("b@x", "DE")})
    text, outcome = written("systems", joined)
    rows = [*csv.DictReader(StringIO(text))]
    assert outcome == WrittenFile(3, not_in_file=2, not_in_audience=1, renamed=("Country",))
    assert [row["email"] for row in rows] == ["", "", "a@x"]
    assert (rows[2]["country"], rows[2]["file_Country"]) == ("@home", "FR")


def test_only_members_are_written() -> None:
    text, outcome = written("systems", rows=(2,))
    assert outcome.customers == 1
    assert [row["customer_id"] for row in csv.DictReader(StringIO(text))] == ["12347"]


def test_a_file_for_spreadsheets_is_not_longer_than_a_sheet() -> None:
    with pytest.raises(TooManyRowsError, match="a sheet has at most 2 rows"):
        written("spreadsheets", sheet_rows=2)
    assert written("systems", sheet_rows=2)[1].customers == 3
