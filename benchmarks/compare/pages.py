"""The dashboard with many customers: how long its server draws a page, and how long a browser loads it."""

import time
from collections.abc import Iterator
from statistics import quantiles

from benchmarks.compare.results import PageTime
from benchmarks.dashboard_pages import PAGES, Drawn, filled, measure
from data.postgres.database import engine
from tests.support.browser import CHROMIUM, opened, served, settle, visit

#: Each page is drawn so often after its first time, with an hour of event time in between.
REFRESHES = 20
#: Changes, and transactions, of each customer.
CHANGES_EACH = 5
#: Addresses of pages that are not those of their packages.
_PATHS = {"at_risk": "", "exploration": "data"}


def pages(customers: int) -> list[PageTime]:
    """Draw and load all pages of a dashboard with this many customers. Nothing is loaded without Chromium."""
    changes = CHANGES_EACH * customers
    with filled(customers, changes) as url:
        writing = engine(url)
        drawn = measure(url, writing, REFRESHES)
        writing.dispose()
        loaded = dict(_loads(url)) if CHROMIUM else {}
    return [_times(page, customers, changes, *loaded.get(page.address, (None, None))) for page in drawn]


def _times(page: Drawn, customers: int, changes: int, first_load: float | None, load: float | None) -> PageTime:
    percentiles = quantiles([cost.page for cost in page.again], n=100, method="inclusive")
    times = (page.first.page, percentiles[49], percentiles[94])
    return PageTime(page.address, customers, changes, *times, first_load, load, page.trouble)


def _loads(url: str) -> Iterator[tuple[str, tuple[float, float]]]:
    """Milliseconds until a browser has a whole page: of the dashboard's first reader, and of the next one.

    Pages with their default filters only; a filter changes no script.
    """
    with served(url) as address, opened() as window:
        for name, query in PAGES:
            if query and name != "customer":
                continue
            arguments = "".join(f"?{key}={value}" for key, value in query.items())
            times = []
            for _ in range(2):
                began = time.perf_counter()
                with visit(window, address, _PATHS.get(name, name) + arguments) as page:
                    settle(page)
                    seconds = time.perf_counter() - began
                    # The time until a page says that it has no numbers would mean nothing.
                    if not page.locator(".sg-trouble").count():
                        times.append(1_000 * seconds)
            if len(times) == 2:
                yield name + arguments, (times[0], times[1])
