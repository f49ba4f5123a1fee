import json
import re
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from batch.explore.chapters import CHAPTERS, ExploredSource, chapters
from batch.explore.report import is_report, page
from batch.fit import FitError
from data.datasets import synthetic
from data.datasets.frames import clean
from runtime.money import Money
from tests.support.money import EUROS, POUNDS, YEN
from tests.support.shop_rows import raw_rows, sale


def source_of(raw: pd.DataFrame, name: str = "a shop", money: Money = POUNDS, **how: int) -> ExploredSource:
    return ExploredSource(clean(raw, name), money, **how)  # type: ignore[arg-type]


@cache
def rows() -> pd.DataFrame:
    return synthetic.generate(customers=300, days=400, seed=3)


@pytest.fixture(scope="module")
def source() -> ExploredSource:
    return source_of(rows())


@pytest.fixture(scope="module")
def html(source: ExploredSource) -> str:
    return page(source, list(chapters(source)))


@pytest.mark.slow
def test_the_page_loads_nothing_from_the_network(html: str) -> None:
    without_plotly = re.sub(r"<script>.*?</script>", "", html, count=1, flags=re.DOTALL)
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)""", without_plotly)
    assert "@import" not in without_plotly
    assert "url(" not in without_plotly
    assert len(html) < 8_000_000


@pytest.mark.slow
def test_every_finding_is_on_the_page_with_its_summary(source: ExploredSource, html: str) -> None:
    findings = [finding for chapter in chapters(source) for finding in chapter.findings]
    found = re.search(r'id="figures">(.*?)</script>', html, flags=re.DOTALL)
    assert found is not None
    figures = json.loads(found[1])
    assert set(figures) == {finding.id for finding in findings if finding.figure is not None}
    assert len({finding.id for finding in findings}) == len(findings)
    for finding in findings:
        assert finding.summary.endswith(".")
        assert f"<h3>{finding.title}</h3>" in html
        shown = finding.figure is not None or finding.table is not None
        assert (f'id="{finding.id}"' in html) == shown
    for title, _ in CHAPTERS:
        assert f"<h2>{title}</h2>" in html


@pytest.mark.slow
@pytest.mark.parametrize("money", [EUROS, YEN], ids=["euros", "yen"])
def test_the_report_is_in_the_currency_of_the_shop(source: ExploredSource, money: Money) -> None:
    again = source_of(rows(), money=money, wanted_k=3)
    shown = page(again, list(chapters(again)))
    text = re.sub(r"<script>.*?</script>", "", shown, flags=re.DOTALL).replace("\\u20ac", "€").replace("\\u00a5", "¥")
    assert money.symbol in text
    assert "£" not in text
    assert "\\u00a3" not in text
    assert "pound" not in text.casefold()
    cells = re.findall(rf"<td([^>]*)>[^<]*{money.symbol}[^<]*</td>", text)
    assert {*cells} == {' class="number"'}


@pytest.mark.slow
def test_the_same_data_gives_the_same_page(source: ExploredSource, html: str) -> None:
    again = source_of(rows())
    assert page(again, list(chapters(again))) == html


def test_text_from_a_file_is_escaped() -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    rows = [
        (str(n), evil[:20] + str(n % 3), evil, 1, f"2011-01-{n % 27 + 1:02} 10:00", float(n + 1), f"c{n % 9}", evil, 0)
        for n in range(60)
    ]
    shop = source_of(raw_rows(*rows), name=f"{evil}.csv", wanted_k=3)
    html = page(shop, list(chapters(shop)))
    assert "<img" not in html
    assert html.count("</script>") == html.count("<script")
    figures = html.split('id="figures">')[1]
    assert figures.index("<") == figures.index("</script>")


@pytest.mark.slow
@pytest.mark.parametrize("days", [7, 40])
def test_a_small_shop_has_a_page(days: int) -> None:
    shop = source_of(synthetic.generate(customers=25, days=days, seed=5), wanted_k=2)
    assert "<h2>The segments</h2>" in page(shop, list(chapters(shop)))


def test_a_shop_without_returns_or_unusual_codes_has_a_page() -> None:
    rows = [sale(str(n), f"c{n % 8}", f"2011-{n % 5 + 1:02}-10 10:00", float(n + 1)) for n in range(50)]
    shop = source_of(raw_rows(*rows), wanted_k=4)
    html = page(shop, list(chapters(shop)))
    assert "There are no returns." in html
    assert "All stock codes look like products" in html


def test_too_few_customers_are_refused_in_one_line() -> None:
    raw = raw_rows(sale("1", "a", "2011-01-03 10:00", 5.0))
    shop = source_of(raw)
    with pytest.raises(FitError, match="needs at least 2 different customers, but there are 1"):
        list(chapters(shop))
    shop = source_of(raw, wanted_k=5)
    with pytest.raises(FitError, match="needs at least 2 different customers, but there are 1"):
        list(chapters(shop))


def test_a_shop_with_returns_only_is_refused_in_one_line() -> None:
    shop = source_of(raw_rows(sale("C1", "a", "2011-01-03 10:00", 5.0)), name="returns.csv")
    with pytest.raises(FitError, match=r"^returns.csv: there are only returns, so there are no segments to explore$"):
        list(chapters(shop))


@pytest.mark.parametrize("back", [0.0, 5.0])
def test_a_shop_without_revenue_is_refused_in_one_line(back: float) -> None:
    shop = source_of(
        raw_rows(sale("1", "a", "2011-01-03 10:00", back), sale("C2", "a", "2011-01-04 10:00", back)), name="free.csv"
    )
    with pytest.raises(FitError, match=r"^free.csv: no customer has spent anything net of returns, so there is no"):
        list(chapters(shop))


@pytest.mark.slow
def test_only_a_report_is_recognised_as_one(tmp_path: Path, html: str) -> None:
    report, other, empty = (tmp_path / name for name in ("report.html", "other.html", "empty.html"))
    report.write_text(html, encoding="utf-8")
    other.write_text("<!doctype html><html></html>", encoding="utf-8")
    empty.touch()
    assert [is_report(path) for path in (report, other, empty)] == [True, False, False]
