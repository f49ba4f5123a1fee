"""The text of the moves by time alone."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pandas as pd

from dashboard.at_risk import slips_markup as markup
from dashboard.shared.personas import Persona, Personas
from tests.support.money import POUNDS

NASTY = "<script>alert(1)</script>"
KNOWN: Personas = {
    "best": Persona("best", "Best", "#00aa00"),
    "new": Persona("new", NASTY, "#0000aa"),
    "lost": Persona("lost", "Lost", "#aa0000"),
}
NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
TODAY = datetime(2011, 6, 15, tzinfo=UTC)
UNTIL = datetime(2011, 6, 21, 23, 59, tzinfo=UTC)
DAYS = pd.DataFrame(
    [(0, "best", "lost", 3, 4_000.0), (1, "new", "lost", 2, 20.0), (5, "best", "lost", 1, 1_000.0)],
    columns=["day", "from_segment", "to_segment", "customers", "worth"],
).assign(day=lambda it: pd.to_datetime([TODAY + timedelta(days=n) for n in it["day"]], utc=True))


def test_the_headline_adds_up_customers_and_money() -> None:
    words = _words(markup.headline(DAYS, UNTIL, "Last week it was 5.", POUNDS))
    assert "6 customers £5.02k spend so far" in words
    assert "will leave a good segment by Tue 21 June 2011 unless they buy before" in words
    assert "Last week it was 5." in words


def test_moves_ahead_are_sorted_by_spend() -> None:
    words = _words(markup.routes(DAYS, KNOWN, POUNDS))
    assert words.index("Best → Lost £5k 4 customers, the first on Wed 15 Jun 2011") < words.index("2 customers")


def test_the_calendar_has_whole_weeks_and_every_slip_once() -> None:
    html = markup.calendar(DAYS, NOW, UNTIL, "customers", POUNDS)
    assert html.count('class="sg-cell ') == 14
    assert html.count("sg-off") == 7
    assert html.count("sg-is-today") == 1
    assert re.findall(r"<b>(.*?)</b><em>(.*?)</em>", html) == [("3", "£4k"), ("2", "£20"), ("1", "£1k")]
    assert 'title="Wed 15 June 2011: 3 customers, £4,000"' in html
    depths = [int(depth) for depth in re.findall(r"--depth:(\d+)%", html)]
    assert depths == [100, 82, 58]


def test_the_calendar_can_be_drawn_without_slips() -> None:
    assert markup.calendar(DAYS.iloc[:0], NOW, UNTIL, "worth", POUNDS).count("sg-cell") == 14


def test_a_row_says_when_and_links_to_the_customer() -> None:
    rows = [_row("one", 0), _row("two", 1), _row("three", 12), _row(NASTY, 3)]
    html = markup.table(pd.DataFrame(rows), KNOWN, POUNDS)
    words = _words(html)
    assert "today Wed 15 Jun 2011" in words
    assert "tomorrow Thu 16 Jun 2011" in words
    assert "in 12 days Mon 27 Jun 2011" in words
    assert "£1,234.50" in words
    assert "Wed 1 Jun 2011" in words
    assert 'href="customer?customer=one"' in html
    assert html.count("sg-soon") == 3


def test_the_rule_names_the_good_segments_and_the_order() -> None:
    words = _words(markup.rule([KNOWN["best"]], KNOWN))
    assert "Good segments of this model: Best" in words
    assert f"Best › {NASTY} › Lost" in words


def test_the_rule_says_that_orders_expire_if_they_do() -> None:
    sentence = "An order that is 365 days old no longer counts"
    assert sentence in _words(markup.rule([KNOWN["best"]], KNOWN, 365))
    assert "no longer counts" not in _words(markup.rule([KNOWN["best"]], KNOWN))


def test_nothing_from_outside_becomes_markup() -> None:
    table = markup.table(pd.DataFrame([_row(NASTY, 3)]).assign(country=NASTY), KNOWN, POUNDS)
    for html in (table, markup.routes(DAYS, KNOWN, POUNDS), markup.rule([KNOWN["new"]], KNOWN)):
        assert "<script" not in html


def _row(customer: str, days: int) -> dict[str, object]:
    return {
        "customer_id": customer,
        "country": "France",
        "from_segment": "best",
        "to_segment": "new",
        "slips_at": NOW + timedelta(days=days),
        "days_left": days,
        "net_spend": 1234.5,
        "last_purchase_at": NOW - timedelta(days=14),
        "frequency": 3,
    }


def _words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())
