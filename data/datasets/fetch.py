"""Downloads the dataset or reads it from a file, checks its totals, and caches it as Parquet."""

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import httpx
import pandas as pd
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from data.datasets.cells import DataError
from data.datasets.frames import frame
from data.datasets.load import load
from data.datasets.writers import write
from runtime.errors import Hint
from runtime.private_files import private_folder, restrict

UCI_URL = "https://archive.ics.uci.edu/static/public/502/online+retail+ii.zip"
CACHE_NAME = "online_retail_II.parquet"

# Called with the bytes received so far and the size in bytes, if the server sends it.
Progress = Callable[[int, int | None], None]

_ATTEMPTS = 4
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MAX_MEMBER_BYTES = 2 << 30
_TABLES = (".xlsx", ".csv", ".parquet")
_SAFE_NAME = re.compile(r"[\w+-][\w.+-]{0,99}\.(zip|xlsx|csv|parquet)", re.ASCII)


@dataclass(frozen=True)
class KnownTotals:
    """Counts and sums over all rows of a raw file; money is in ten-thousandths."""

    rows: int
    invoices: int
    customers: int
    quantity: int
    amount_units: int


ONLINE_RETAIL_II = KnownTotals(
    rows=1_067_371, invoices=53_628, customers=5_942, quantity=10_608_492, amount_units=192_872_505_680
)


def fetch(
    source: str = UCI_URL,
    *,
    cache_dir: Path,
    progress: Progress | None = None,
    checks: KnownTotals | None = ONLINE_RETAIL_II,
) -> Path:
    """The path of the dataset as one Parquet file in ``cache_dir``.

    Parameters
    ----------
    source
        An http(s) address, which is used only while the cache is empty, or a file, which always replaces the cached
        dataset. Either is a .xlsx, .csv or .parquet file, or a zip that holds one of them.
    checks
        The totals that the file must have; ``None`` accepts any file.

    Raises
    ------
    DataError
        If the source can't be reached or read, or is not the dataset. The cache is unchanged then.
    """
    cached = cache_dir / CACHE_NAME
    is_remote = source.startswith(("http://", "https://"))
    if is_remote and cached.is_file():
        return cached
    try:
        private_folder(cache_dir)
        with tempfile.TemporaryDirectory(dir=cache_dir, prefix=".fetch-") as folder:
            workplace = Path(folder)
            path = _download(source, workplace, progress) if is_remote else Path(source)
            with load(_unzipped(path, workplace) if path.suffix.lower() == ".zip" else path) as dataset:
                raw = frame(dataset)
            if checks is not None:
                _verify(raw, checks, path.name)
            ready = workplace / CACHE_NAME
            write(raw, ready)
            restrict(ready)
            os.replace(ready, cached)
    except OSError as error:
        raise DataError(f"can't keep the dataset in {cache_dir}: {error}") from None
    return cached


def totals(raw: pd.DataFrame) -> KnownTotals:
    """The totals of raw rows."""
    return KnownTotals(
        rows=len(raw),
        invoices=raw["invoice"].nunique(),
        customers=raw["customer"].nunique(),
        quantity=int(raw["quantity"].sum()),
        amount_units=int((raw["quantity"] * raw["price_units"]).sum()),
    )


def _verify(raw: pd.DataFrame, checks: KnownTotals, name: str) -> None:
    found = totals(raw)
    for field in fields(KnownTotals):
        is_now, should_be = getattr(found, field.name), getattr(checks, field.name)
        if is_now != should_be:
            what = field.name.replace("_", " ")
            raise DataError(f"{name}: not the dataset it should be: {what} {is_now:,}, expected {should_be:,}")


def _download(url: str, folder: Path, progress: Progress | None) -> Path:
    """The downloaded file; transient faults are retried a few times."""
    try:
        name = PurePosixPath(urlsplit(url).path).name
    except ValueError as error:
        raise DataError(f"{url} is not an address ({error})", Hint.USE_A_FILE) from None
    path = folder / (name if _SAFE_NAME.fullmatch(name) else "download.zip")
    part = path.with_name(f"{path.name}.part")
    retrying = Retrying(
        retry=retry_if_exception(_is_transient),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(multiplier=0.25, max=4),
        reraise=True,
    )
    try:
        retrying(_stream, url, part, progress)
    except httpx.HTTPStatusError as error:
        status = error.response
        raise DataError(f"{url} answers {status.status_code} {status.reason_phrase}", Hint.USE_A_FILE) from None
    except httpx.RemoteProtocolError as error:
        raise DataError(f"{url}: the download broke off ({error})", Hint.USE_A_FILE) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DataError(f"can't reach {urlsplit(url).netloc} ({error})", Hint.USE_A_FILE) from None
    return part.rename(path)


def _stream(url: str, part: Path, progress: Progress | None) -> None:
    with httpx.stream("GET", url, follow_redirects=True, timeout=_TIMEOUT) as response, part.open("wb") as file:
        response.raise_for_status()
        length = response.headers.get("Content-Length")
        total = int(length) if length is not None else None
        # httpx raises RemoteProtocolError for a body that is shorter than its Content-Length.
        for block in response.iter_bytes():
            file.write(block)
            if progress is not None:
                progress(response.num_bytes_downloaded, total)


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code == httpx.codes.TOO_MANY_REQUESTS or error.response.is_server_error
    return isinstance(error, httpx.TransportError)


def _unzipped(path: Path, folder: Path) -> Path:
    """The only table in a zip, extracted under a safe name: names inside an archive can't be trusted."""
    try:
        with zipfile.ZipFile(path) as archive:
            tables = [entry for entry in archive.infolist() if entry.filename.lower().endswith(_TABLES)]
            if len(tables) != 1:
                raise DataError(f"{path.name}: holds {len(tables)} tables ({', '.join(_TABLES)}), not one")
            if tables[0].file_size > _MAX_MEMBER_BYTES:
                raise DataError(f"{path.name}: {tables[0].filename} is too large to be the dataset")
            extracted = folder / f"{path.stem}{PurePosixPath(tables[0].filename).suffix.lower()}"
            with archive.open(tables[0]) as member, extracted.open("wb") as file:
                shutil.copyfileobj(member, file)
            return extracted
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, OSError) as error:
        raise DataError(f"{path.name}: not a readable zip file ({error})", Hint.USE_A_FILE) from None
