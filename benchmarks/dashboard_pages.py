"""Time to draw each dashboard page, by default with 100,000 customers, 1,000,000 changes and 1,000,000 transactions.

    python -m benchmarks.dashboard_pages [database-url] [--customers 1000000 --changes 5000000]

Without a URL, the benchmark starts and fills a local Postgres. With a URL, it only reads the given database.
Streamlit's test harness draws every page: "first" with empty caches, as after a start of the dashboard, and then again,
each time after one more hour of event time (in a given database, event time does not advance). "Postgres" is the time
of all statements of a page, "page" is the total time, that of the server. The dashboard reads ahead in the background
once, three seconds after its first page; the benchmark waits for this before each page.
"""

import argparse
import logging
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

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
_TROUBLE = re.compile(r'class="sg-trouble">.*?<h2>(.*?)</h2>', re.DOTALL)
Pages = tuple[tuple[str, dict[str, str]], ...]
# Pages with their defaults, and with the filters that read the most rows.
PAGES: Pages = (
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


@dataclass(frozen=True)
class Drawn:
    """A page with its filters, as in its address: the cost of drawing it with empty caches, and of each time after.

    ``trouble`` is what it said in place of its numbers, at least once, such as that Postgres is too busy; else empty.
    """

    address: str
    first: Cost
    again: list[Cost]
    trouble: str = ""


def main() -> None:
    """Draw every page, print a table; the exit code is 1 if a refresh missed the target or a page had no numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", help="of a database to read")
    parser.add_argument("--customers", type=int, default=big_tables.CUSTOMERS)
    parser.add_argument("--changes", type=int, default=big_tables.CHANGES, help="a multiple of the customers")
    parser.add_argument("--refreshes", type=int, default=1, help="of each page")
    chosen = parser.parse_args()
    if chosen.url is not None:
        drawn = measure(chosen.url, None, chosen.refreshes)
    else:
        with filled(chosen.customers, chosen.changes) as url:
            writing = engine(url)
            drawn = measure(url, writing, chosen.refreshes)
            writing.dispose()
    title = "milliseconds"
    if chosen.url is None:
        title += f" at {chosen.customers:,} customers and {chosen.changes:,} changes"
    Console(width=140).print(_table(drawn, title))
    for page in drawn:
        if page.trouble:
            sys.stderr.write(f"{page.address} did not show its numbers: {page.trouble}. Its times mean nothing.\n")
    sys.exit(any(page.trouble or median(cost.postgres for cost in page.again) > TARGET_MS for page in drawn))


@contextmanager
def filled(customers: int, changes: int) -> Iterator[str]:
    """The URL of a database of a local Postgres with this many customers, changes and transactions."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_postgres(Path(folder) / "postgres") as server,
        new_database(server) as url,
    ):
        migrate(url)
        writing = engine(url)
        big_tables.fill(writing, a_predicting_model(), customers, changes, changes)
        writing.dispose()
        yield url
        st.cache_resource.clear()


def measure(url: str, writing: Engine | None, refreshes: int, pages: Pages = PAGES) -> list[Drawn]:
    """Draw every page once with empty caches, and some times again.

    Parameters
    ----------
    writing
        Advances event time after each drawing; without it, event time stays.
    """
    # It warns of threads without a session, as a test harness has them.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    drawn = []
    for name, query in pages:
        _await_read_ahead()
        st.cache_resource.clear()
        page = a_page(name, url, **query)
        costs, troubles = [], []
        for _ in range(1 + refreshes):
            with _measured() as cost:
                shown = html(page.run())
            costs.append(cost)
            troubles += _TROUBLE.findall(shown)
            if writing is not None:
                _advance_event_time(writing)
        arguments = "&".join(f"{key}={value}" for key, value in query.items())
        address = f"{name}?{arguments}" if arguments else name
        drawn.append(Drawn(address, costs[0], costs[1:], troubles[0] if troubles else ""))
    return drawn


def _table(drawn: list[Drawn], title: str) -> Table:
    table = Table(title=title)
    for column in ("page", "first: Postgres", "page", "again: Postgres", "page", "slowest statement"):
        table.add_column(column, justify="right" if table.columns else "left", no_wrap=True)
    for page in drawn:
        slowest = max((statement for cost in page.again for statement in cost.statements), default=(0.0, ""))
        numbers = (
            page.first.postgres,
            page.first.page,
            median(cost.postgres for cost in page.again),
            median(cost.page for cost in page.again),
        )
        table.add_row(page.address, *(f"{number:.0f}" for number in numbers), f"{slowest[0]:.0f}")
    return table


def _await_read_ahead() -> None:
    for thread in threading.enumerate():
        if thread.name == READ_AHEAD:
            thread.join()


def _advance_event_time(writing: Engine) -> None:
    with writing.begin() as connection:
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
