"""The goals, and whether a report reaches them."""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.compare.medians import Key, lines, replays, scales
from benchmarks.compare.results import Report, Scale, Throughput

_MANY = 1_000_000
_MANY_START_SECONDS, _TICK_MS, _TICK_POSTGRES_MS = 2.0, 15.0, 2.0
_MOST_MEMORY = 400.0
_GROWTH = 1.3
_P50_MS, _P99_MS = 30.0, 100.0
_CPU = 1.5
#: By contender: how many times as fast Segue should be.
_FASTER_THAN = {"handwritten": 1.0, "streams": 1.5, "faust": 12.0}
_WITH_TICKS = 0.9
#: Transactions a second of a replay, by broker.
_REPLAYED = {"embedded": 30_000.0, "apache": 20_000.0}
_PAGE_MS, _LOAD_MS = 500.0, 2_000.0


class Goal(NamedTuple):
    """A goal and what was measured; ``ratio`` has a value where two things are compared.

    ``holds`` is None where the report has nothing about it.
    """

    what: str
    wanted: str
    measured: str
    holds: bool | None
    ratio: float | None = None


#: Goals that other commands measure.
ELSEWHERE = (
    Goal("HTTP API", "see performance.md", "`benchmarks.http_api`", None),
    Goal("recovery from faults", "10 s after a kill, 30 s otherwise", "`benchmarks.recovery`", None),
)


def goals(report: Report) -> list[Goal]:
    """All goals that a report says something about."""
    found = lines(report)
    return [
        *_speed(found),
        *_cpu(found),
        *_latency(report),
        *_memory(report),
        *_scale(report),
        *_replays(report),
        *_pages(report),
        *_exact(report),
    ]


def ratios(report: Report) -> dict[str, float]:
    """The ratios among the goals, by what they compare: they do not depend on the machine as much as the numbers do."""
    return {goal.what: goal.ratio for goal in goals(report) if goal.ratio is not None}


def _speed(found: dict[Key, Throughput]) -> Iterator[Goal]:
    for broker, invoices, contender in sorted(found):
        if contender not in ("segue", "segue-ticks"):
            continue
        own = found[Key(broker, invoices, contender)].transactions_per_second
        others = _FASTER_THAN if contender == "segue" else {"handwritten": _WITH_TICKS}
        for other, wanted in others.items():
            if (beside := found.get(Key(broker, invoices, other))) is not None:
                ratio = own / beside.transactions_per_second
                name = f"{contender} / {other}, {broker}, {invoices:,} invoices: speed"
                yield Goal(name, f">= {wanted:g}x", f"{ratio:.2f}x", ratio >= wanted, ratio)


def _cpu(found: dict[Key, Throughput]) -> Iterator[Goal]:
    for broker, invoices, contender in sorted(found):
        beside = found.get(Key(broker, invoices, "handwritten"))
        if contender == "segue" and beside is not None and beside.cpu > 0:
            ratio = found[Key(broker, invoices, contender)].cpu / beside.cpu
            name = f"segue / handwritten, {broker}, {invoices:,} invoices: CPU of worker and Postgres"
            yield Goal(name, f"<= {_CPU:g}x", f"{ratio:.2f}x", ratio <= _CPU, ratio)


def _latency(report: Report) -> Iterator[Goal]:
    for each in report.latency:
        if each.contender == "segue":
            name = f"produce to change readable, {each.broker}, {each.rate:,}/s"
            wanted = f"p50 < {_P50_MS:.0f} ms, p99 < {_P99_MS:.0f} ms"
            yield Goal(name, wanted, f"{each.p50:.0f}, {each.p99:.0f} ms", each.p50 < _P50_MS and each.p99 < _P99_MS)


def _memory(report: Report) -> Iterator[Goal]:
    peaks = [run.memory for run in report.throughput if run.contender.startswith("segue")]
    peaks += [each.memory for each in report.scale]
    if peaks:
        name = "memory of the worker, the most of all runs"
        yield Goal(name, f"< {_MOST_MEMORY:.0f} MiB", f"{max(peaks):.0f} MiB", max(peaks) < _MOST_MEMORY)


def _scale(report: Report) -> Iterator[Goal]:
    by_customers = scales(report)
    # The goals are about a million customers; more are measured for the growth.
    for each in [each for each in by_customers if each.customers >= _MANY][:1]:
        yield from _with_many(each)
    for each in by_customers[1:]:
        yield from _growth(by_customers[0], each)


def _with_many(each: Scale) -> Iterator[Goal]:
    what = f"{each.customers:,} customers"
    yield Goal(f"{what}: tick that moves nobody", f"< {_TICK_MS:.0f} ms", f"{each.tick:.0f} ms", each.tick < _TICK_MS)
    measured, holds = f"{each.tick_postgres:.1f} ms", each.tick_postgres < _TICK_POSTGRES_MS
    yield Goal(f"{what}: CPU of Postgres for it", f"< {_TICK_POSTGRES_MS:.0f} ms", measured, holds)
    holds = each.start < _MANY_START_SECONDS
    yield Goal(f"{what}: start to first commit", f"< {_MANY_START_SECONDS:.0f} s", f"{each.start:.1f} s", holds)


def _growth(few: Scale, many: Scale) -> Iterator[Goal]:
    slower = few.transactions_per_second / many.transactions_per_second
    between = f"{few.customers:,} -> {many.customers:,} customers"
    yield Goal(f"{between}: time of a batch", f"<= {_GROWTH:g}x", f"{slower:.2f}x", slower <= _GROWTH, slower)
    ratio = many.cpu / few.cpu
    yield Goal(f"{between}: CPU of a batch", f"<= {_GROWTH:g}x", f"{ratio:.2f}x", ratio <= _GROWTH, ratio)


def _replays(report: Report) -> Iterator[Goal]:
    for each in replays(report):
        wanted, rate = _REPLAYED[each.broker], each.transactions_per_second
        what = f"end to end: a replay of {each.dataset}, {each.broker}"
        yield Goal(what, f">= {wanted:,.0f}/s", f"{rate:,.0f}/s", rate >= wanted)


def _pages(report: Report) -> Iterator[Goal]:
    if not report.pages:
        return
    what = f"dashboard at {report.pages[0].customers:,} customers and {report.pages[0].changes:,} changes"
    slowest = max(report.pages, key=lambda page: page.p95)
    measured = f"{slowest.p95:.0f} ms ({slowest.page})"
    yield Goal(f"{what}: p95 of the slowest page", f"< {_PAGE_MS:.0f} ms", measured, slowest.p95 < _PAGE_MS)
    looked = [page for page in report.pages if page.trouble is not None]
    if looked:
        failed = [f"{page.page}: {page.trouble}" for page in looked if page.trouble]
        yield Goal(f"{what}: pages that show their numbers", "all", "; ".join(failed) or "all", not failed)
    loads = [(page.load, page.page) for page in report.pages if page.load is not None]
    if loads:
        longest, page = max(loads)
        name = f"{what}: load of the slowest page in a browser"
        yield Goal(name, f"< {_LOAD_MS:,.0f} ms", f"{longest:,.0f} ms ({page})", longest < _LOAD_MS)


def _exact(report: Report) -> Iterator[Goal]:
    runs = [run for run in report.throughput if run.contender.startswith("segue")]
    if runs:
        exact = sum(run.faults.exact for run in runs)
        yield Goal(
            "results that equal the independent computation", "all", f"{exact} of {len(runs)}", exact == len(runs)
        )
    for replay in replays(report):
        name = f"a replay of {replay.dataset}, {replay.broker}: differences"
        yield Goal(name, "0", f"{replay.differences:,}", replay.differences == 0)
    for kill in report.kills:
        if kill.contender.startswith("segue"):
            measured = "exact" if kill.faults.exact else "not exact"
            yield Goal(f"killed in the middle, {kill.broker}: result", "exact", measured, kill.faults.exact)
