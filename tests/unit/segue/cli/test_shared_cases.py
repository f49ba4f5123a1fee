"""The collected inputs that people have trouble with, through ``segue data describe`` and ``segue fit``."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Done, in_process

CASES = Path(__file__).parents[5] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the collected cases are not beside the checkout")

Outcome = dict[str, Any] | str

# What `describe --json` shows, or a part of the one line in which it asks or refuses.
DESCRIBED: dict[str, Outcome] = {
    "01-dates-day-first-dashes/retail.csv": {
        "transactions": 4, "first": "2010-12-01 08:26:00+00:00", "last": "2011-02-28 17:45:00+00:00",
    },
    "02-missing-customer-as-text/retail.csv": {"rows": 11, "guest_rows": 10, "customers": 1, "transactions": 1},
    "04-dates-day-first-slashes/ambiguous.csv": "time.day_first",
    "04-dates-day-first-slashes/telling.csv": {"first": "2010-12-01 08:26:00+00:00"},
    "05-semicolon-decimal-comma/semicolon_comma.csv": {"transactions": 4, "customers": 3, "gross": "73.45"},
    "05-semicolon-decimal-comma/semicolon_point.csv": {"transactions": 4, "customers": 3, "gross": "73.45"},
    "05-semicolon-decimal-comma/tab.csv": {"transactions": 4, "customers": 3, "gross": "73.45"},
    "06-order-level-log-other-columns/orders.csv": {"preset": "orders"},
    "06-order-level-log-other-columns/only_country_missing.csv": {"transactions": 4},
    "07-returns-without-C/retail.csv": {"transactions": 3, "returns": 1, "returned": "5.00"},
    "07-returns-without-C/exchange.csv": {"transactions": 1, "sales": 1, "gross": "17.45"},
    "07-returns-without-C/lowercase_c.csv": {"transactions": 2, "returns": 1, "returned": "5.00"},
    "08-shop-export-blank-repeats/orders_export.csv": {"transactions": 2, "gross": "27.00", "currency": "EUR"},
    "08-shop-export-blank-repeats/renamed.csv": {"transactions": 2, "gross": "27.00"},
    "08-shop-export-blank-repeats/renamed_date_kept.csv": {"transactions": 2, "gross": "27.00"},
    "09-shop-in-euros/retail.csv": {"transactions": 120},
    "10-blank-country/retail.csv": {"transactions": 2},
    "11-thousands-and-currency-symbols/accounting_negative.csv": {"returned": "12.50"},
    "11-thousands-and-currency-symbols/european.csv": {"gross": "1252.50"},
    "11-thousands-and-currency-symbols/exponent.csv": {"gross": "1252.50"},
    "11-thousands-and-currency-symbols/pound.csv": {"gross": "15.00", "currency": "GBP"},
    "11-thousands-and-currency-symbols/swiss.csv": {"gross": "1252.50"},
    "11-thousands-and-currency-symbols/thousands.csv": {"gross": "1252.50"},
    "11-thousands-and-currency-symbols/trailing_euro.csv": {"gross": "15.00", "currency": "EUR"},
    "14-one-broken-line/blank_lines.csv": {"transactions": 4},
    "14-one-broken-line/quoted_whole_line.csv": "line 4",
    "14-one-broken-line/short_line.csv": "line 4",
    "14-one-broken-line/stray_quote.csv": {"transactions": 6},
    "14-one-broken-line/total_row.csv": "line 7",
    "15-customer-ids/mixed.csv": {"transactions": 13, "customers": 11},
    "15-customer-ids/scientific.csv": "customers.scientific",
    "15-customer-ids/too_long.csv": "CustomerID",
    "16-file-sorted-by-product/by_date.csv": {"transactions": 3, "overlap_invoices": 0, "gross": "19.50"},
    "16-file-sorted-by-product/by_product.csv": {"transactions": 3, "overlap_invoices": 0, "gross": "19.50"},
    "18-same-day-and-duplicate-rows/same_day.csv": {"transactions": 3},
    "18-same-day-and-duplicate-rows/duplicate_rows.csv": {"transactions": 2, "gross": "15.00"},
    "19-time-zones/ampm.csv": {"first": "2011-03-27 18:05:10+00:00"},
    "19-time-zones/epoch_seconds.csv": {"first": "2011-03-27 00:30:00+00:00"},
    "19-time-zones/iso_basic.csv": {"first": "2011-03-27 00:00:00+00:00"},
    "19-time-zones/other_forms.csv": {"first": "2011-03-27 00:30:00+00:00"},
    "19-time-zones/shopify_offset.csv": {"first": "2024-03-01 09:00:00+00:00"},
    "19-time-zones/zones.csv": {"customers": 5, "first": "2011-03-27 00:30:00+00:00"},
    "21-fit-odd-populations/empty.csv": "empty",
    "21-fit-odd-populations/header_only.csv": "no ",
    "21-fit-odd-populations/only_guests.csv": "no ",
}  # fmt: skip


@pytest.fixture
def segue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs the command line in an empty folder and without a stack."""
    for name in [name for name in os.environ if name.startswith("SEGUE_") and not name.startswith("SEGUE_TEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return in_process


@pytest.mark.slow
@pytest.mark.parametrize(("case", "outcome"), DESCRIBED.items(), ids=DESCRIBED)
def test_a_file_is_read_right_or_asked_about(case: str, outcome: Outcome, segue: Callable[..., Done]) -> None:
    done = segue("data", "describe", str(CASES / case), "--json")
    assert "Traceback" not in done.stderr
    if isinstance(outcome, str):
        assert done.returncode == 1, done.stdout
        assert outcome in done.stderr
        assert len([line for line in done.stderr.splitlines() if line.startswith("error")]) == 1
        assert done.stderr.splitlines()[-1].startswith("error")
    else:
        assert done.returncode == 0, done.stderr
        described = json.loads(done.stdout)
        assert {name: described[name] for name in outcome} == outcome


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--k", "1"), ("--k", "auto")])
@pytest.mark.parametrize("case", sorted(path.name for path in (CASES / "21-fit-odd-populations").glob("*.csv")))
def test_an_odd_population_is_fitted_or_refused_in_one_line(
    case: str, options: tuple[str, ...], segue: Callable[..., Done]
) -> None:
    path = CASES / "21-fit-odd-populations" / case
    done = segue("fit", str(path), *options, "--dry-run")
    assert "Traceback" not in done.stderr
    assert "nan" not in done.stdout.lower()
    if done.returncode:
        assert len([line for line in done.stderr.splitlines() if line.startswith("error")]) == 1, done.stderr
