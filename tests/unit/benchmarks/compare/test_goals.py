"""Goals beside measurements."""

import msgspec
import pytest

from benchmarks.compare.goals import goals, ratios
from benchmarks.compare.results import Faults, Kill, Latency, PageTime, Replay, Report
from tests.support.benchmark_reports import EXACT, a_run, many, report


def held(found: Report) -> dict[str, bool | None]:
    return {goal.what: goal.holds for goal in goals(found)}


def test_speed_is_compared_by_medians_of_rounds() -> None:
    runs = [a_run("segue", rate) for rate in (10_000, 30_000, 90_000)]
    runs += [a_run("handwritten", rate) for rate in (20_000, 20_000, 1_000)]
    assert ratios(report(runs))["segue / handwritten, apache, 100,000 invoices: speed"] == 1.5


@pytest.mark.parametrize(
    ("contender", "other", "rate", "holds"),
    [
        ("segue", "handwritten", 10_000, True),
        ("segue", "handwritten", 9_999, False),
        ("segue-ticks", "handwritten", 9_000, True),
        ("segue-ticks", "handwritten", 8_999, False),
        ("segue", "streams", 15_000, True),
        ("segue", "streams", 14_999, False),
        ("segue", "faust", 120_000, True),
        ("segue", "faust", 119_999, False),
    ],
)
def test_a_goal_of_speed_holds_from_its_ratio_on(contender: str, other: str, rate: float, holds: bool) -> None:
    found = held(report([a_run(contender, rate), a_run(other, 10_000)]))
    assert found[f"{contender} / {other}, apache, 100,000 invoices: speed"] is holds


def test_cpu_is_that_of_worker_and_postgres_without_the_broker() -> None:
    own = a_run("segue", 1.0, cpu_worker=30.0, cpu_postgres=15.0, cpu_broker=900.0)
    found = ratios(report([own, a_run("handwritten", 1.0)]))
    assert found["segue / handwritten, apache, 100,000 invoices: CPU of worker and Postgres"] == 1.5


def test_different_brokers_and_sizes_are_never_compared() -> None:
    runs = [a_run("segue", 1.0), a_run("handwritten", 1.0, broker="embedded"), a_run("faust", 1.0, invoices=10)]
    assert ratios(report(runs)) == {}


@pytest.mark.parametrize(("p50", "p99", "holds"), [(29.0, 99.0, True), (30.0, 99.0, False), (29.0, 100.0, False)])
def test_both_percentiles_of_latency_have_a_limit(p50: float, p99: float, holds: bool) -> None:
    found = held(report(latency=[Latency("segue", "apache", 1_000, 500, p50, p99)]))
    assert found == {"produce to change readable, apache, 1,000/s": holds}


def test_growth_compares_the_fewest_with_more_customers() -> None:
    few, more = many(10_000), many(1_000_000, transactions_per_second=16_000.0, cpu=45.0)
    most = many(5_000_000, transactions_per_second=10_000.0, cpu=60.0)
    found = ratios(report(scale=[most, more, few]))
    assert found == {
        "10,000 -> 1,000,000 customers: time of a batch": 1.25,
        "10,000 -> 1,000,000 customers: CPU of a batch": 1.5,
        "10,000 -> 5,000,000 customers: time of a batch": 2.0,
        "10,000 -> 5,000,000 customers: CPU of a batch": 2.0,
    }


def test_start_and_tick_have_goals_at_a_million_customers_only() -> None:
    assert "10,000 customers: start to first commit" not in held(report(scale=[many(10_000)]))
    found = held(report(scale=[many(1_000_000, start=2.5)]))
    assert found["1,000,000 customers: start to first commit"] is False
    assert found["1,000,000 customers: tick that moves nobody"] is True
    more = held(report(scale=[many(1_000_000), many(5_000_000, start=9.0)]))
    assert more["1,000,000 customers: start to first commit"] is True
    assert "5,000,000 customers: start to first commit" not in more


def test_the_memory_is_the_most_of_all_runs_of_segue() -> None:
    runs = [a_run("segue", 1.0, memory=399.0), a_run("streams", 1.0, memory=900.0)]
    assert held(report(runs))["memory of the worker, the most of all runs"] is True
    assert held(report(runs, scale=[many(10, memory=400.0)]))["memory of the worker, the most of all runs"] is False


def test_one_wrong_result_breaks_the_goal_of_exact_results() -> None:
    wrong = a_run("segue", 1.0, faults=Faults(0, 1, 1, 0, 0))
    assert held(report([a_run("segue", 1.0), wrong]))["results that equal the independent computation"] is False


def test_a_kill_must_leave_an_exact_result() -> None:
    kills = [Kill("segue", "apache", 10, EXACT), Kill("handwritten", "apache", 10, Faults(5, 0, 1, 0, 0))]
    assert held(report(kills=kills)) == {"killed in the middle, apache: result": True}


def test_a_replay_is_judged_by_its_median_and_by_the_most_differences() -> None:
    runs = [Replay("a shop", "embedded", 1_000, rate, different) for rate, different in ((1.0, 0), (30_000.0, 2))]
    runs += [Replay("a shop", "apache", 1_000, 20_000.0, 0), Replay("a shop", "embedded", 1_000, 40_000.0, 0)]
    assert held(report(replays=runs)) == {
        "end to end: a replay of a shop, apache": True,
        "end to end: a replay of a shop, embedded": True,
        "a replay of a shop, apache: differences": True,
        "a replay of a shop, embedded: differences": False,
    }


def test_the_slowest_page_decides_and_pages_that_were_not_loaded_say_nothing_about_browsers() -> None:
    times = [PageTime(name, 1_000, 5_000, 9_000.0, 10.0, p95) for name, p95 in (("live", 499.0), ("shifts", 500.0))]
    assert held(report(pages=times)) == {
        "dashboard at 1,000 customers and 5,000 changes: p95 of the slowest page": False
    }
    loaded = [PageTime("live", 1_000, 5_000, 9_000.0, 10.0, 499.0, first_load=9_000.0, load=1_999.0)]
    assert set(held(report(pages=loaded)).values()) == {True}


def test_a_page_without_its_numbers_is_no_fast_page() -> None:
    live, data = (PageTime(name, 1_000, 5_000, 9.0, 9.0, 9.0, trouble="") for name in ("live", "exploration"))
    name = "dashboard at 1,000 customers and 5,000 changes: pages that show their numbers"
    assert held(report(pages=[live, data]))[name] is True
    failed = msgspec.structs.replace(data, trouble="Postgres is too busy")
    found = {goal.what: goal for goal in goals(report(pages=[live, failed]))}[name]
    assert (found.measured, found.holds) == ("exploration: Postgres is too busy", False)
