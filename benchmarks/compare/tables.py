"""A report as Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.compare.contenders import BY_NAME
from benchmarks.compare.goals import ELSEWHERE, goals
from benchmarks.compare.history import Compared
from benchmarks.compare.medians import Key, lines, replays, scales
from benchmarks.compare.results import Faults, Report, as_dict

_BASE = "handwritten"
_HOLDS = {True: "yes", False: "no", None: ""}


def markdown(report: Report, before: Sequence[Compared] = ()) -> str:
    """All tables of a report that have rows."""
    machine = report.machine
    parts = [
        f"{report.at}, commit {report.commit or '(unknown)'}: {machine.cores} cores, {machine.memory:.0f} GiB of "
        f"memory, Python {machine.python}, {machine.system}; load average {machine.load:.1f} at the start; "
        + (f"medians of {report.rounds} rounds." if report.rounds > 1 else "one round."),
        f"    {report.command}",
        *_tables(report, before),
    ]
    return "\n\n".join(parts) + "\n"


def _tables(report: Report, before: Sequence[Compared]) -> Iterator[str]:
    yield from _section("Goals", ["goal", "wanted", "measured", "holds"], _goals(report))
    head = [
        "broker",
        "invoices",
        "contender",
        "transactions/s",
        f"/ {_title(_BASE)}",
        "CPU of worker, us",
        "of Postgres",
    ]
    head += ["of broker", "memory, MiB", "start, s", "WAL, bytes", "result"]
    yield from _section("Throughput", head, _throughput(report))
    head = ["broker", "invoices", "limit", "transactions/s", "CPU, us"]
    yield from _section("Limits", head, _limits(report))
    head = ["broker", "contender", "invoices/s", "changes", "p50, ms", "p99, ms"]
    yield from _section("From produce to change readable", head, _latency(report))
    head = ["broker", "contender", "after the kill"]
    yield from _section("Killed in the middle", head, _kills(report))
    head = [
        "customers",
        "transactions/s",
        "CPU of worker and Postgres, us",
        "start, s",
        "tick, ms",
        "of it CPU of Postgres",
    ]
    yield from _section("Many customers", [*head, "memory, MiB"], _scale(report))
    head = ["broker", "dataset", "transactions", "transactions/s", "differences"]
    yield from _section("A replay end to end", head, _replays(report))
    head = ["page", "first, empty caches, ms", "p50, ms", "p95, ms", "first reader's browser, ms", "next reader's, ms"]
    yield from _section("Pages of the dashboard", head, _pages(report))
    head = ["ratio", "before", "now", "commit before"]
    yield from _section("Compared with the last benchmark", head, _compared(before))


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    body = [f"| {' | '.join(row)} |" for row in rows]
    if body:
        yield "\n".join([f"### {title}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body])


def _goals(report: Report) -> Iterator[Sequence[str]]:
    found = goals(report)
    for goal in (*found, *(ELSEWHERE if found else ())):
        yield goal.what, goal.wanted, goal.measured, _HOLDS[goal.holds]


def _throughput(report: Report) -> Iterator[Sequence[str]]:
    found = lines(report)
    order = list(BY_NAME)
    for key in sorted(found, key=lambda key: (key.broker, key.invoices, order.index(key.contender))):
        line, base = found[key], found.get(Key(key.broker, key.invoices, _BASE))
        ratio = f"{line.transactions_per_second / base.transactions_per_second:.2f}x" if base else ""
        yield (
            key.broker,
            f"{key.invoices:,}",
            _title(key.contender),
            f"{line.transactions_per_second:,.0f}",
            ratio,
            f"{line.cpu_worker:.1f}",
            f"{line.cpu_postgres:.1f}",
            f"{line.cpu_broker:.1f}",
            f"{line.memory:.0f}",
            f"{line.start:.1f}",
            f"{line.wal:,.0f}",
            "exact" if line.faults.exact else "**wrong**",
        )


def _limits(report: Report) -> Iterator[Sequence[str]]:
    titles = {"decode": "read and decode only", "postgres": "Postgres only: rows of the hand-written loop"}
    for each in report.limits:
        rate = f"{each.transactions_per_second:,.0f}"
        yield each.broker, f"{each.invoices:,}", titles[each.limit], rate, f"{each.cpu:.1f}"


def _latency(report: Report) -> Iterator[Sequence[str]]:
    for each in report.latency:
        numbers = (f"{each.rate:,}", f"{each.changes:,}", f"{each.p50:.0f}", f"{each.p99:.0f}")
        yield each.broker, _title(each.contender), *numbers


def _kills(report: Report) -> Iterator[Sequence[str]]:
    for each in report.kills:
        yield each.broker, _title(each.contender), described(each.faults)


def described(faults: Faults) -> str:
    """What was lost, doubled or wrong, in words."""
    words = {
        "counted_twice": "sales counted twice",
        "lost": "sales lost",
        "customers": "customers wrong",
        "changes_missing": "changes missing",
        "changes_wrong": "changes wrong",
        "events_missing": "events never published",
        "events_repeated": "events published again",
    }
    found = as_dict(faults)
    return (
        ", ".join(f"{value:,} {words[name]}" for name, value in found.items()) or "exact: nothing lost, nothing doubled"
    )


def _scale(report: Report) -> Iterator[Sequence[str]]:
    for each in scales(report):
        yield (
            f"{each.customers:,}",
            f"{each.transactions_per_second:,.0f}",
            f"{each.cpu:.1f}",
            f"{each.start:.1f}",
            f"{each.tick:.0f}",
            f"{each.tick_postgres:.1f}",
            f"{each.memory:.0f}",
        )


def _replays(report: Report) -> Iterator[Sequence[str]]:
    for each in replays(report):
        rate = f"{each.transactions_per_second:,.0f}"
        yield each.broker, each.dataset, f"{each.transactions:,}", rate, f"{each.differences:,}"


def _pages(report: Report) -> Iterator[Sequence[str]]:
    for each in report.pages:
        loads = ("" if load is None else f"{load:,.0f}" for load in (each.first_load, each.load))
        yield f"`{each.page}`", f"{each.first:,.0f}", f"{each.p50:.0f}", f"{each.p95:.0f}", *loads


def _compared(before: Sequence[Compared]) -> Iterator[Sequence[str]]:
    for each in before:
        earlier = "" if each.before is None else f"{each.before:.2f}x"
        yield each.name, earlier, f"{each.now:.2f}x", each.commit or ""


def _title(contender: str) -> str:
    return BY_NAME[contender].title
