"""The segment explorer's questions against a real Postgres; pandas on the same rows is the oracle."""

import hashlib
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, insert, text

from dashboard.pages.segments import queries
from dashboard.pages.segments.page import read
from dashboard.pages.segments.queries import SORTS, Among, Search, Sort
from dashboard.shared.distributions import PER_DECADE, bin_of, summary
from dashboard.shared.reading import reading
from data.postgres.tables import customers
from models.segment_model import SegmentModel, build
from tests.support.processed_stream import NOW, Lived

LATER = NOW + timedelta(days=40, hours=3)


@pytest.fixture(params=["net", "gross"])
def among(request: pytest.FixtureRequest, model: SegmentModel) -> Among:
    """Two of the three segments, some weeks after the last tick, net and gross."""
    counted = build(request.param, model.transform, model.means, model.scales, model.segments)
    return Among(counted, LATER, ["champions", "lost"])


def _people(processed: Lived, among: Among) -> pd.DataFrame:
    """Who is asked about, with R, F and M counted by pandas."""
    everybody = processed.frame("customers")
    people = everybody[everybody["segment"].isin(among.segments)].copy()
    people["recency"] = (pd.Timestamp(among.event_time) - pd.to_datetime(people["last_purchase_at"], utc=True)).dt.days
    net = (people["gross"] - people["returned"]).clip(lower=0)
    people["monetary"] = (net if among.model.monetary == "net" else people["gross"]).astype("float64")
    people["frequency"] = people["frequency"].astype("int64")
    return people


def test_counts_hold_the_mean_and_the_median_of_whole_numbers(engine: Engine, processed: Lived, among: Among) -> None:
    people = _people(processed, among).groupby("segment")
    with reading(engine) as connection:
        for name in ("recency", "frequency"):
            found = summary(queries.counts(connection, among, name))
            assert found["customers"].to_dict() == people.size().to_dict()
            assert found["mean"].to_dict() == pytest.approx(people[name].mean().to_dict())
            assert found["median"].to_dict() == people[name].median().to_dict()


def test_money_is_totalled_averaged_and_halved_exactly(engine: Engine, processed: Lived, among: Among) -> None:
    people = _people(processed, among).groupby("segment")["monetary"]
    with reading(engine) as connection:
        found = queries.money(connection, among).set_index("segment").astype("float64")
    for column, expected in (("total", people.sum()), ("mean", people.mean()), ("median", people.median())):
        assert found[column].to_dict() == pytest.approx(expected.to_dict())


def test_bins_of_money_are_those_that_python_counts(engine: Engine, processed: Lived, among: Among) -> None:
    people = _people(processed, among)
    expected = people.assign(bin=bin_of(people["monetary"].to_numpy())).groupby(["segment", "bin"]).size().to_dict()
    with reading(engine) as connection:
        found = queries.money_bins(connection, among, PER_DECADE)
    assert found.set_index(["segment", "bin"])["customers"].to_dict() == expected


def test_means_are_those_of_pandas(engine: Engine, processed: Lived, among: Among) -> None:
    people = _people(processed, among).groupby("segment")[["recency", "frequency", "monetary"]].mean()
    with reading(engine) as connection:
        found = queries.means(connection, among).set_index("segment")
    assert np.allclose(found.loc[people.index, [*people.columns]].to_numpy(dtype=float), people.to_numpy())


def test_the_sample_is_the_same_every_time_and_has_nothing_to_do_with_worth(
    engine: Engine, processed: Lived, among: Among
) -> None:
    hashed = sorted(_people(processed, among)["customer_id"], key=lambda c: hashlib.md5(c.encode()).hexdigest())  # noqa: S324
    with reading(engine) as connection:
        assert queries.sample(connection, among, 9)["customer_id"].tolist() == hashed[:9]


def test_what_the_page_reads_agrees_with_itself(engine: Engine, processed: Lived, among: Among) -> None:
    with reading(engine) as connection:
        shape = read(connection, among)
    sizes = shape.summary["customers"].to_dict()
    assert sizes == _people(processed, among).groupby("segment").size().to_dict()
    for bins in shape.bins.values():
        assert bins.groupby("segment")["customers"].sum().to_dict() == sizes
    assert shape.customers == sum(sizes.values())
    assert shape.of(["lost"]).summary["customers"].to_dict() == {"lost": sizes["lost"]}


def test_pages_in_order_make_up_everybody_once(engine: Engine, processed: Lived, among: Among) -> None:
    size, people = 7, _people(processed, among)
    with reading(engine) as connection:
        number = queries.count(connection, among, Search())
        for sort in (Sort(key, descending) for key in SORTS for descending in (False, True)):
            pages = [queries.page(connection, among, Search(), sort, size, n) for n in range(-(-number // size))]
            assert all(len(page) == size for page in pages[:-1])
            assert pd.concat(pages)["customer_id"].tolist() == _ordered(people, *sort)


@pytest.mark.parametrize("search", [Search("123"), Search("12301", ""), Search("", "France"), Search("1233", "EIRE")])
def test_a_search_finds_ids_by_their_beginning_and_countries_by_name(
    engine: Engine, processed: Lived, among: Among, search: Search
) -> None:
    people = _people(processed, among)
    fits = people["customer_id"].str.startswith(search.prefix) & people["country"].isin(
        [search.country] if search.country else [*people["country"]]
    )
    with reading(engine) as connection:
        found = queries.page(connection, among, search, Sort("customer_id", descending=False), 1_000)
        assert queries.count(connection, among, search) == len(found) == fits.sum()
    assert found["customer_id"].tolist() == sorted(people.loc[fits, "customer_id"])


def test_a_search_takes_signs_of_patterns_for_what_they_are(
    engine: Engine, processed: Lived, model: SegmentModel
) -> None:
    among = Among(model, NOW, [segment.id for segment in model.segments])
    row: dict[str, Any] = next(each for each in processed.customers if each["segment"])
    with engine.begin() as connection:
        connection.execute(
            insert(customers), [row | {"customer_id": odd} for odd in ("a%b", "a_b", "a'b", "é1", "axb")]
        )
    with reading(engine) as connection:
        found = {
            p: queries.page(connection, among, Search(p), Sort("customer_id", False), 9)
            for p in ("a%", "a_", "a'", "é")
        }
    assert {prefix: page["customer_id"].tolist() for prefix, page in found.items()} == {
        "a%": ["a%b"],
        "a_": ["a_b"],
        "a'": ["a'b"],
        "é": ["é1"],
    }


def test_recency_is_counted_from_event_time_or_their_own_last_event_if_that_is_later(
    engine: Engine, processed: Lived, model: SegmentModel
) -> None:
    early = Among(model, NOW - timedelta(days=500), ["champions", "regulars", "lost"])
    with reading(engine) as connection:
        found = queries.page(connection, early, Search(), Sort("customer_id", False), 1_000).set_index("customer_id")
    people = processed.frame("customers").set_index("customer_id").loc[found.index]
    expected = (
        pd.to_datetime(people["last_event_at"]).map(lambda moment: max(moment, early.event_time))
        - pd.to_datetime(people["last_purchase_at"])
    ).dt.days
    assert found["recency"].tolist() == expected.tolist()
    assert (found["recency"] >= 0).all()


def test_the_search_by_beginning_walks_the_primary_key(engine: Engine, processed: Lived, model: SegmentModel) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        plan = connection.execute(
            text("EXPLAIN SELECT 1 FROM customers WHERE customer_id >= '123' AND customer_id < '123' || U&'\\+10FFFF'")
        ).scalars()
        assert any("Index" in line and "customers_pkey" in line for line in plan)


def _ordered(people: pd.DataFrame, key: str, descending: bool) -> list[str]:
    by_id = people.sort_values("customer_id")
    return by_id.sort_values(key, ascending=not descending, kind="stable", na_position="last")["customer_id"].tolist()
