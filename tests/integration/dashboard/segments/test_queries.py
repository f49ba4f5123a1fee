"""The segments page's queries against a real Postgres; pandas on the same rows is the oracle."""

import hashlib
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, insert, text

from dashboard.segments import queries
from dashboard.segments.distributions import PER_DECADE, bin_of, summary
from dashboard.segments.page import read
from dashboard.segments.queries import SORTS, CustomerSearch, Sort
from dashboard.shared import profiles
from dashboard.shared.profiles import SegmentPopulation
from dashboard.shared.reading import reading
from data.postgres.tables import customers
from models.segment_model import SegmentModel, build
from tests.support.processed_stream import NOW, Lived

LATER = NOW + timedelta(days=40, hours=3)


@pytest.fixture(params=["net", "gross"])
def population(request: pytest.FixtureRequest, model: SegmentModel) -> SegmentPopulation:
    """Two of the three segments, some weeks after the last tick, net and gross."""
    counted = build(request.param, model.transform, model.means, model.scales, model.segments)
    return SegmentPopulation(counted, LATER, ["champions", "lost"])


def _people(processed: Lived, population: SegmentPopulation) -> pd.DataFrame:
    """The customers of a population, with R, F and M computed by pandas."""
    everyone = processed.frame("customers")
    people = everyone[everyone["segment"].isin(population.segments)].copy()
    people["recency"] = (
        pd.Timestamp(population.event_time) - pd.to_datetime(people["last_purchase_at"], utc=True)
    ).dt.days
    net = (people["gross"] - people["returned"]).clip(lower=0)
    people["monetary"] = (net if population.model.monetary == "net" else people["gross"]).astype("float64")
    people["frequency"] = people["frequency"].astype("int64")
    return people


def test_counts_hold_the_mean_and_the_median_of_whole_numbers(
    engine: Engine, processed: Lived, population: SegmentPopulation
) -> None:
    people = _people(processed, population).groupby("segment")
    with reading(engine) as connection:
        for name in ("recency", "frequency"):
            found = summary(queries.counts(connection, population, name))
            assert found["customers"].to_dict() == people.size().to_dict()
            assert found["mean"].to_dict() == pytest.approx(people[name].mean().to_dict())
            assert found["median"].to_dict() == people[name].median().to_dict()


def test_total_mean_and_median_of_money_are_exact(
    engine: Engine, processed: Lived, population: SegmentPopulation
) -> None:
    everybody = _people(processed, population)
    people = everybody.groupby("segment")["monetary"]
    net = (everybody["gross"] - everybody["returned"]).astype("float64").groupby(everybody["segment"]).sum()
    with reading(engine) as connection:
        found = queries.money(connection, population).set_index("segment").astype("float64")
    assert found["net"].to_dict() == pytest.approx(net.to_dict())
    for column, expected in (("total", people.sum()), ("mean", people.mean()), ("median", people.median())):
        assert found[column].to_dict() == pytest.approx(expected.to_dict())


def test_bins_of_money_are_those_of_python(engine: Engine, processed: Lived, population: SegmentPopulation) -> None:
    people = _people(processed, population)
    expected = people.assign(bin=bin_of(people["monetary"].to_numpy())).groupby(["segment", "bin"]).size().to_dict()
    with reading(engine) as connection:
        found = queries.money_bins(connection, population, PER_DECADE)
    assert found.set_index(["segment", "bin"])["customers"].to_dict() == expected


def test_means_are_those_of_pandas(engine: Engine, processed: Lived, population: SegmentPopulation) -> None:
    people = _people(processed, population).groupby("segment")[["recency", "frequency", "monetary"]].mean()
    with reading(engine) as connection:
        found = profiles.means(connection, population).set_index("segment")
    assert np.allclose(found.loc[people.index, [*people.columns]].to_numpy(dtype=float), people.to_numpy())


def test_the_sample_is_always_the_same_and_independent_of_spend(
    engine: Engine, processed: Lived, population: SegmentPopulation
) -> None:
    hashed = sorted(_people(processed, population)["customer_id"], key=lambda c: hashlib.md5(c.encode()).hexdigest())  # noqa: S324
    with reading(engine) as connection:
        assert queries.sample(connection, population, 9)["customer_id"].tolist() == hashed[:9]


def test_the_answers_of_one_drawing_agree(engine: Engine, processed: Lived, population: SegmentPopulation) -> None:
    with reading(engine) as connection:
        shape = read(connection, population)
    sizes = shape.summary["customers"].to_dict()
    assert sizes == _people(processed, population).groupby("segment").size().to_dict()
    for bins in shape.bins.values():
        assert bins.groupby("segment")["customers"].sum().to_dict() == sizes
    assert shape.customers == sum(sizes.values())
    assert shape.of(["lost"]).summary["customers"].to_dict() == {"lost": sizes["lost"]}


def test_the_pages_together_have_every_customer_once(
    engine: Engine, processed: Lived, population: SegmentPopulation
) -> None:
    size, people = 7, _people(processed, population)
    with reading(engine) as connection:
        number = queries.count(connection, population, CustomerSearch())
        for sort in (Sort(key, descending) for key in SORTS for descending in (False, True)):
            pages = [
                queries.page(connection, population, CustomerSearch(), sort, size, n) for n in range(-(-number // size))
            ]
            assert all(len(page) == size for page in pages[:-1])
            assert pd.concat(pages)["customer_id"].tolist() == _ordered(people, *sort)


@pytest.mark.parametrize(
    "search",
    [CustomerSearch("123"), CustomerSearch("12301", ""), CustomerSearch("", "France"), CustomerSearch("1233", "EIRE")],
)
def test_a_search_finds_ids_by_their_beginning_and_countries_by_name(
    engine: Engine, processed: Lived, population: SegmentPopulation, search: CustomerSearch
) -> None:
    people = _people(processed, population)
    fits = people["customer_id"].str.startswith(search.prefix) & people["country"].isin(
        [search.country] if search.country else [*people["country"]]
    )
    with reading(engine) as connection:
        found = queries.page(connection, population, search, Sort("customer_id", descending=False), 1_000)
        assert queries.count(connection, population, search) == len(found) == fits.sum()
    assert found["customer_id"].tolist() == sorted(people.loc[fits, "customer_id"])


def test_a_search_does_not_treat_wildcards_as_patterns(engine: Engine, processed: Lived, model: SegmentModel) -> None:
    population = SegmentPopulation(model, NOW, [segment.id for segment in model.segments])
    row: dict[str, Any] = next(each for each in processed.customers if each["segment"])
    with engine.begin() as connection:
        connection.execute(
            insert(customers), [row | {"customer_id": odd} for odd in ("a%b", "a_b", "a'b", "é1", "axb")]
        )
    with reading(engine) as connection:
        found = {
            p: queries.page(connection, population, CustomerSearch(p), Sort("customer_id", False), 9)
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
    early = SegmentPopulation(model, NOW - timedelta(days=500), ["champions", "regulars", "lost"])
    with reading(engine) as connection:
        found = queries.page(connection, early, CustomerSearch(), Sort("customer_id", False), 1_000).set_index(
            "customer_id"
        )
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
