"""Fetching over real HTTP from a local server, with and without faults."""

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from data.contract import wire
from data.datasets import frames, synthetic
from data.datasets.cells import DataError
from data.datasets.fetch import CACHE_NAME, ONLINE_RETAIL_II, fetch, totals
from data.datasets.load import load
from data.datasets.report import DatasetReport
from runtime.errors import Hint
from segue.local.ports import free_ports
from tests.support.retail import REAL
from tests.support.retail import rows as real_rows

RAW = synthetic.generate(customers=40, days=500, seed=5)
TOTALS = totals(RAW)
assert RAW["export"].nunique() == 2
PATH = "/static/shop+II.zip"


@dataclass
class Answer:
    """The server's answer: status, body, and the Content-Length that it sends (``None``: it sends none)."""

    status: int = 200
    body: bytes = b""
    length: int | None = -1
    location: str = ""


@dataclass
class Host:
    """A running server: it sends its answers one after the other, and then repeats the last one."""

    url: str
    answers: list[Answer]
    requests: list[str] = field(default_factory=list)


@contextmanager
def serving(*answers: Answer) -> Iterator[Host]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.requests.append(self.path)
            answer = answers[min(len(host.requests), len(answers)) - 1]
            self.send_response(answer.status)
            if answer.length is not None:
                self.send_header("Content-Length", str(len(answer.body) if answer.length == -1 else answer.length))
            if answer.location:
                self.send_header("Location", answer.location)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = Host(f"http://127.0.0.1:{server.server_port}{PATH}", list(answers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("csv") / "shop.csv"
    synthetic.write(RAW, path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def xlsx() -> bytes:
    """The two exports as two sheets, as in the original."""
    book = openpyxl.Workbook(write_only=True)
    for number, rows in RAW.groupby("export"):
        sheet = book.create_sheet(f"Year {2009 + int(str(number))}")
        sheet.append(
            ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
        )
        row: Any
        for row in rows.itertuples():
            description = None if pd.isna(row.description) else row.description
            customer = None if pd.isna(row.customer) else int(row.customer)
            when = row.occurred_at.to_pydatetime().replace(tzinfo=None)
            price = row.price_units / 10_000
            sheet.append([row.invoice, row.stock_code, description, row.quantity, when, price, customer, row.country])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@cache
def made() -> tuple[list[wire.Transaction], DatasetReport]:
    """The transactions and the report of the rows that every server sends."""
    with frames.clean(RAW, CACHE_NAME) as dataset:
        return list(dataset.wire_transactions()), dataset.report


def assert_same(path: Path) -> None:
    with load(path) as fetched:
        assert (list(fetched.wire_transactions()), fetched.report) == made()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refusal(source: str, cache_dir: Path) -> str:
    """The one line with which a source is refused; nothing is left in the cache."""
    return str(refused(source, cache_dir))


def refused(source: str, cache_dir: Path) -> DataError:
    """The error with which a source is refused: one line, and nothing is left in the cache."""
    with pytest.raises(DataError) as error:
        fetch(source, cache_dir=cache_dir, checks=TOTALS)
    assert files(cache_dir) == []
    assert "\n" not in str(error.value)
    return error.value


def test_a_zipped_workbook_is_downloaded_checked_and_cached_as_one_parquet_file(tmp_path: Path, xlsx: bytes) -> None:
    seen: list[tuple[int, int | None]] = []
    body = zipped(online_retail_II__xlsx=xlsx)
    with serving(Answer(body=body)) as host:
        path = fetch(host.url, cache_dir=tmp_path / "new", progress=lambda *step: seen.append(step), checks=TOTALS)
    assert host.requests == [PATH]
    assert path == tmp_path / "new" / CACHE_NAME
    assert files(path.parent) == [CACHE_NAME]
    assert seen[-1] == (len(body), len(body))
    assert_same(path)


def test_the_cached_dataset_is_used_without_a_network(tmp_path: Path, csv: bytes) -> None:
    with serving(Answer(body=zipped(shop__csv=csv))) as host:
        first = fetch(host.url, cache_dir=tmp_path, checks=TOTALS)
        written = first.stat().st_mtime_ns
        assert fetch(host.url, cache_dir=tmp_path, checks=TOTALS) == first
    assert fetch(host.url, cache_dir=tmp_path) == first, "the server has ended by now"
    assert host.requests == [PATH]
    assert first.stat().st_mtime_ns == written


def test_a_request_that_fails_at_first_is_retried(tmp_path: Path, csv: bytes) -> None:
    good = zipped(shop__csv=csv)
    with serving(Answer(status=500), Answer(body=good[:100], length=len(good)), Answer(body=good)) as host:
        assert_same(fetch(host.url, cache_dir=tmp_path, checks=TOTALS))
    assert len(host.requests) == 3


def test_a_redirect_is_followed_and_the_length_may_be_missing(tmp_path: Path, csv: bytes) -> None:
    seen: list[int | None] = []
    with serving(Answer(302, location="/elsewhere"), Answer(body=zipped(shop__csv=csv), length=None)) as host:
        path = fetch(host.url, cache_dir=tmp_path, progress=lambda _, total: seen.append(total), checks=TOTALS)
    assert host.requests == [PATH, "/elsewhere"]
    assert set(seen) == {None}
    assert_same(path)


def test_a_download_that_keeps_breaking_off_is_refused(tmp_path: Path) -> None:
    with serving(Answer(body=b"PK" * 50, length=1_000)) as host:
        error = refused(host.url, tmp_path)
    assert str(error).startswith(f"{host.url}: the download broke off (")
    assert error.hint is Hint.USE_A_FILE
    assert 2 <= len(host.requests) <= 5


def test_an_unreachable_host_is_named_with_a_hint(tmp_path: Path) -> None:
    [port] = free_ports(1)
    error = refused(f"http://127.0.0.1:{port}{PATH}", tmp_path)
    assert str(error).startswith(f"can't reach 127.0.0.1:{port} (")
    assert error.hint is Hint.USE_A_FILE


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (503, 4)])
def test_an_error_status_is_quoted_and_only_a_transient_one_is_retried(
    tmp_path: Path, status: int, requests: int
) -> None:
    with serving(Answer(status=status)) as host:
        message = refusal(host.url, tmp_path)
    assert message.startswith(f"{host.url} answers {status} ")
    assert len(host.requests) == requests


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>come back later</html>", "shop+II.zip: not a readable zip file (File is not a zip file)"),
        (zipped(readme__txt=b"hello"), "shop+II.zip: holds 0 tables (.xlsx, .csv, .parquet), not one"),
        (zipped(a__csv=b"", b__csv=b""), "shop+II.zip: holds 2 tables (.xlsx, .csv, .parquet), not one"),
        (zipped(shop__xlsx=b"?"), "shop+II.xlsx: the file, read as orders, lacks the columns"),
    ],
)
def test_a_download_that_is_not_a_zipped_table_is_refused(tmp_path: Path, body: bytes, reason: str) -> None:
    with serving(Answer(body=body)) as host:
        assert refusal(host.url, tmp_path).startswith(reason)


def test_a_damaged_zip_is_refused(tmp_path: Path, csv: bytes) -> None:
    body = bytearray(zipped(shop__csv=csv))
    body[len(body) // 2] ^= 0xFF
    with serving(Answer(body=bytes(body))) as host:
        assert refusal(host.url, tmp_path).startswith("shop+II.zip: not a readable zip file (")


@pytest.mark.parametrize("member", ["../../outside.csv", "/outside.csv", "C:\\outside.csv"])
def test_the_names_in_a_zip_can_not_write_outside_the_cache(tmp_path: Path, csv: bytes, member: str) -> None:
    cache = tmp_path / "a" / "b" / "cache"
    (tmp_path / "shop.zip").write_bytes(zipped(**{member: csv}))
    fetch(str(tmp_path / "shop.zip"), cache_dir=cache, checks=TOTALS)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted([CACHE_NAME, "shop.zip"])


@pytest.mark.parametrize("name", ["rows", "invoices", "customers", "quantity", "amount_units"])
def test_other_data_than_expected_is_refused_with_the_total_that_differs(tmp_path: Path, csv: bytes, name: str) -> None:
    found = getattr(TOTALS, name)
    with serving(Answer(body=zipped(shop__csv=csv))) as host, pytest.raises(DataError) as error:
        fetch(host.url, cache_dir=tmp_path, checks=replace(TOTALS, **{name: found + 1}))
    what = name.replace("_", " ")
    assert str(error.value).endswith(f"not the dataset it should be: {what} {found:,}, expected {found + 1:,}")
    assert files(tmp_path) == []


@pytest.mark.parametrize("suffix", [".zip", ".xlsx", ".csv", ".parquet"])
def test_a_local_file_is_used_without_a_download(tmp_path: Path, csv: bytes, xlsx: bytes, suffix: str) -> None:
    source = tmp_path / f"mine{suffix}"
    if suffix == ".parquet":
        synthetic.write(RAW, source)
    else:
        source.write_bytes({".zip": zipped(shop__csv=csv), ".xlsx": xlsx, ".csv": csv}[suffix])
    assert_same(fetch(str(source), cache_dir=tmp_path / "cache", checks=TOTALS))


def test_a_valid_file_replaces_the_cached_one_and_an_invalid_one_does_not(tmp_path: Path) -> None:
    cache, mine = tmp_path / "cache", tmp_path / "mine.csv"
    synthetic.write(RAW[RAW["export"] == 0], mine)
    fetch(str(mine), cache_dir=cache, checks=None)
    synthetic.write(RAW, mine)
    kept = fetch(str(mine), cache_dir=cache, checks=None)
    assert_same(kept)
    for broken in ("broken.csv", "nowhere.csv", "nowhere.zip"):
        (tmp_path / "broken.csv").write_text("a,b\n")
        with pytest.raises(DataError, match=broken):
            fetch(str(tmp_path / broken), cache_dir=cache, checks=None)
        assert_same(kept)
        assert files(cache) == [CACHE_NAME]


def test_a_cache_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"can't keep the dataset in .*file/cache"):
        fetch(str(tmp_path / "mine.csv"), cache_dir=tmp_path / "file" / "cache")


@pytest.mark.skipif(not REAL.exists(), reason="the real dataset is not here")
def test_the_real_dataset_has_the_known_totals_and_another_one_is_refused(tmp_path: Path) -> None:
    assert totals(real_rows()) == ONLINE_RETAIL_II
    path = fetch(str(REAL), cache_dir=tmp_path)
    with load(path) as fetched:
        assert frames.frame(fetched).equals(real_rows())
    synthetic.write(RAW, tmp_path / "mine.csv")
    with pytest.raises(DataError, match=r"rows .*, expected 1,067,371"):
        fetch(str(tmp_path / "mine.csv"), cache_dir=tmp_path)
