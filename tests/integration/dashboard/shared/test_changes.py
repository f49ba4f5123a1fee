"""Filtered changes and pages of them, against a real Postgres; pandas on the same rows is the oracle."""

from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine

from dashboard.shared import changes, flows, history, reading
from dashboard.shared.changes import ChangeFilter
from tests.support.generated_tables import EVENT_TIME, Stored

MONTH_AGO = flows.midnight(EVENT_TIME - timedelta(days=30))
FILTERS = [
    ChangeFilter(),
    ChangeFilter(since=MONTH_AGO),
    ChangeFilter(since=MONTH_AGO - timedelta(days=200), until=MONTH_AGO),
    ChangeFilter(causes=("return",)),
    ChangeFilter(causes=("decay", "purchase"), left=("champions",)),
    ChangeFilter(left=("",)),
    ChangeFilter(left=("", "champions"), entered=("lost",)),
    ChangeFilter(entered=("champions",), causes=("purchase",)),
    ChangeFilter(touched=("champions",)),
    ChangeFilter(touched=("lost", "")),
    ChangeFilter(left=("nowhere",)),
]


@pytest.mark.parametrize("wanted", FILTERS)
@pytest.mark.parametrize("limit", [1, 7, 50])
def test_the_pages_together_have_every_filtered_change(
    filled: Engine, stream: Stored, wanted: ChangeFilter, limit: int
) -> None:
    expected = _oracle(stream.changes, wanted)
    with reading.reading(filled) as connection:
        days = changes.within(history.new_cache().read(connection, reading.progress(connection)), wanted)
        offsets = range(0, min(len(expected), 5 * limit) + limit, limit)
        pages = [changes.page(connection, wanted, flows.locate(days, limit, offset), limit) for offset in offsets]
    assert days["changes"].sum() == len(expected)
    found = pd.concat(pages)
    seen = expected.head(5 * limit + limit)
    assert found["customer_id"].tolist() == seen["customer_id"].tolist()
    assert found["sequence"].tolist() == seen["sequence"].tolist()
    assert found["from_segment"].tolist() == seen["from_segment"].tolist()
    assert all(len(page) == limit for page in pages[:-2])


@pytest.mark.parametrize("wanted", FILTERS)
def test_a_file_has_every_filtered_change_up_to_its_limit(filled: Engine, stream: Stored, wanted: ChangeFilter) -> None:
    expected = _oracle(stream.changes, wanted)
    with reading.reading(filled) as connection:
        everyone = changes.newest(connection, wanted, 10_000)
        some = changes.newest(connection, wanted, 5)
    assert everyone["customer_id"].tolist() == expected["customer_id"].tolist()
    assert everyone["monetary"].astype(float).tolist() == expected["monetary"].tolist()
    assert some["customer_id"].tolist() == expected["customer_id"].head(5).tolist()
    now = stream.customers.set_index("customer_id")["segment"]
    assert everyone["segment_now"].tolist() == now.reindex(expected["customer_id"]).fillna("").tolist()


def test_a_page_reads_only_days_with_a_matching_change(filled: Engine) -> None:
    wanted = ChangeFilter(causes=("return",), left=("champions",))
    with reading.reading(filled) as connection:
        days = changes.within(history.new_cache().read(connection, reading.progress(connection)), wanted)
    place = flows.locate(days, 5)
    assert 0 < len(place.days) <= 5
    assert {*place.days} <= {*days["day"]}


def _oracle(changes: pd.DataFrame, wanted: ChangeFilter) -> pd.DataFrame:
    """The filtered changes, the newest first."""
    c = changes.assign(from_segment=changes["from_segment"].fillna(""))
    keep = pd.Series(True, index=c.index)
    if wanted.since is not None:
        keep &= c["effective_at"] >= wanted.since
    if wanted.until is not None:
        keep &= c["effective_at"] < wanted.until
    if wanted.causes:
        keep &= c["cause"].isin(wanted.causes)
    if wanted.left:
        keep &= c["from_segment"].isin(wanted.left)
    if wanted.entered:
        keep &= c["to_segment"].isin(wanted.entered)
    if wanted.touched:
        keep &= c["from_segment"].isin(wanted.touched) | c["to_segment"].isin(wanted.touched)
    return c[keep].sort_values(["effective_at", "customer_id", "sequence"], ascending=[False, True, False])
