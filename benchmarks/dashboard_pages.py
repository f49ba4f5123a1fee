"""Time to draw each dashboard page with 100,000 customers, 1,000,000 changes and 1,000,000 transactions.

    python -m benchmarks.dashboard_pages [database-url]

Without a URL, the benchmark starts and fills a local Postgres. With a URL, it only reads the given database.
Streamlit's test harness draws every page twice: "first" with empty caches, as after a start of the dashboard, and
"again" after one hour of event time (in a given database, event time does not advance). "Postgres" is the time of all
statements of a page, "page" is the total time. The dashboard reads ahead in the background once, three seconds after
its first page; the benchmark waits for this before each page.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, event, text

from dashboard.shared.connection import READ_AHEAD
from data.postgres.database import engine, migrate
from tests.support import big_tables
from tests.support.pages import a_page, html
from tests.support.postgres import new_database, running_postgres
from tests.support.rhythm import a_predicting_model

TARGET_MS = 300
# Pages with their defaults, and with the filters that read the most rows.
PAGES: tuple[tuple[str, dict[str, str]], ...] = (
    ("live", {}),
    ("at_risk", {}),
    ("at_risk", {"risk_view": "Moves by time alone"}),
    ("at_risk", {"slip_days": "1 year"}),
    ("audiences", {}),
    ("audiences", {"audience_moved_from": "Champions", "audience_since": "30d"}),
    ("shifts", {}),
    ("shifts", {"shift_period": "All"}),
    ("shifts", {"shift_period": "All", "shift_from": "Champions", "shift_causes": "returned"}),
    ("segments", {}),
    ("customer", {"customer": "c4711"}),
    ("simulator", {}),
    ("exploration", {}),
    ("model", {}),
    ("operations", {}),
)


@dataclass
class Cost:
    """Cost of drawing a page once, in milliseconds; ``statements`` has the time and text of each statement."""

    page: float = 0.0
    statements: list[tuple[float, str]] = field(default_factory=list)

    @property
    def postgres(self) -> float:
        """Total time of all statements."""
        return sum(duration for duration, _ in self.statements)


def main() -> None:
    """Fill the database, draw every page twice, print a table; the exit code is 1 if a refresh missed the target."""
    if len(sys.argv) > 1:
        missed = _report(sys.argv[1], None)
    else:
        with (
            tempfile.TemporaryDirectory() as folder,
            running_postgres(Path(folder) / "postgres") as server,
            new_database(server) as url,
        ):
            migrate(url)
            filled = engine(url)
            big_tables.fill(filled, a_predicting_model())
            missed = _report(url, filled)
            filled.dispose()
            st.cache_resource.clear()
    sys.exit(missed > 0)


def _report(url: str, filled: Engine | None) -> int:
    table = Table(title=f"milliseconds at {big_tables.CUSTOMERS:,} customers and {big_tables.CHANGES:,} changes")
    for column in ("page", "first: Postgres", "page", "again: Postgres", "page", "slowest"):
        table.add_column(column, justify="right" if table.columns else "left", no_wrap=True)
    missed = 0
    for name, query in PAGES:
        _await_read_ahead()
        st.cache_resource.clear()
        drawn = a_page(name, url, **query)
        costs = []
        for _ in range(2):
            with _measured() as cost:
                html(drawn.run())
            costs.append(cost)
            if filled is not None:
                _advance_event_time(filled)
        first, again = costs
        missed += again.postgres > TARGET_MS
        arguments = "&".join(f"{key}={value}" for key, value in query.items())
        numbers = (first.postgres, first.page, again.postgres, again.page)
        slowest = max(again.statements, default=(0.0, ""))
        table.add_row(f"{name}?{arguments}" if arguments else name, *(f"{n:.0f}" for n in numbers), f"{slowest[0]:.0f}")
    Console(width=140).print(table)
    return missed


def _await_read_ahead() -> None:
    for thread in threading.enumerate():
        if thread.name == READ_AHEAD:
            thread.join()


def _advance_event_time(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = event_time + interval '1 hour'"))
        connection.execute(text("UPDATE stream_progress SET transactions = transactions + 5"))


@contextmanager
def _measured() -> Iterator[Cost]:
    cost, started = Cost(), time.perf_counter()
    began = started

    def before(*arguments: object) -> None:
        nonlocal began
        if threading.current_thread().name != READ_AHEAD:
            began = time.perf_counter()

    def after(*arguments: object) -> None:
        if threading.current_thread().name == READ_AHEAD:
            return
        cost.statements.append((1_000 * (time.perf_counter() - began), str(arguments[2])))

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    yield cost
    event.remove(Engine, "before_cursor_execute", before)
    event.remove(Engine, "after_cursor_execute", after)
    cost.page = 1_000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
