"""Written files are complete and hold the same rows, and a file that can't be written is refused before the work."""

import gzip
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from data.datasets import frames, synthetic
from data.datasets.cells import DataError
from data.datasets.load import load
from data.datasets.writers import write, writing


@cache
def rows() -> pd.DataFrame:
    made = synthetic.generate(customers=150)
    assert made["export"].nunique() == 2
    return made


@pytest.mark.parametrize(
    "name",
    [
        "shop.csv",
        pytest.param("shop.parquet", marks=pytest.mark.slow),
        pytest.param("SHOP.CSV", marks=pytest.mark.slow),
    ],
)
def test_a_written_dataset_is_read_back_unchanged(tmp_path: Path, name: str) -> None:
    write(rows(), tmp_path / name)
    loaded, made = load(tmp_path / name), frames.clean(rows(), name)
    assert list(loaded.wire_transactions()) == list(made.wire_transactions())
    pd.testing.assert_frame_equal(loaded.transactions, made.transactions)
    assert loaded.report == made.report


@pytest.mark.parametrize("name", ["shop.csv", "shop.csv.gz", "shop.parquet"])
def test_rows_in_pieces_give_the_same_rows_as_at_once(tmp_path: Path, name: str) -> None:
    pieces = [rows()[first : first + 999] for first in range(0, len(rows()), 999)]
    once, cut = tmp_path / f"once_{name}", tmp_path / f"cut_{name}"
    write(rows(), once)
    write(iter(pieces), cut)
    if name.endswith(".parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(once), pd.read_parquet(cut))
    else:
        assert _text(once) == _text(cut)


def _text(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def test_a_zipped_file_holds_the_bytes_of_the_plain_one_and_equal_rows_give_equal_files(tmp_path: Path) -> None:
    names = ("shop.csv", "shop.csv.gz", "again.csv.gz")
    for name in names:
        write(rows(), tmp_path / name)
    plain, zipped, again = ((tmp_path / name).read_bytes() for name in names)
    assert gzip.decompress(zipped) == plain
    assert again == zipped


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_can_not_be_written_is_refused_before_the_work(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    refused = {
        "shop.xls": "^shop.xls: can't write this kind of file; use .parquet, .csv, .csv.gz$",
        "csv": "^csv: can't write this kind of file",
        "nowhere/shop.csv": "^can't write .*nowhere/shop.csv: there is no folder .*nowhere$",
        "file/shop.csv": "^can't write .*: there is no folder .*file$",
        "folder.csv": "^can't write .*folder.csv: it is a folder$",
        "x" * 260 + ".csv": "^can't write x*.*",
    }
    for name, reason in refused.items():
        with pytest.raises(DataError, match=reason), writing(tmp_path / name, overwrite=overwrite):
            pytest.fail("the work began")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.csv"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_refused_before_the_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with (
        pytest.raises(DataError, match="Permission denied"),
        writing(tmp_path / "shop.csv", overwrite=True),
    ):
        pytest.fail("the work began")


def test_an_existing_file_stays_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("mine")
    with pytest.raises(DataError, match=r"shop.csv: it exists$"), writing(path, overwrite=False):
        pytest.fail("the work began")
    assert path.read_text() == "mine"


def test_a_file_that_appears_during_the_work_stays(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"

    def frames() -> Iterator[pd.DataFrame]:
        yield rows()
        path.write_text("mine")

    with pytest.raises(DataError, match=r"shop.csv: it exists$"):
        _write_new(frames(), path)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def _write_new(frames: Iterator[pd.DataFrame], path: Path) -> None:
    with writing(path, overwrite=False) as add:
        for frame in frames:
            add(frame)


@pytest.mark.parametrize("name", ["shop.csv", "shop.csv.gz", "shop.parquet"])
@pytest.mark.parametrize("cause", [KeyboardInterrupt, SystemExit, DataError, MemoryError])
def test_work_that_breaks_off_leaves_the_former_file_and_nothing_else(
    tmp_path: Path, name: str, cause: type[BaseException]
) -> None:
    path = tmp_path / name
    path.write_text("mine")

    def frames() -> Iterator[pd.DataFrame]:
        yield rows()
        raise cause("broken off")

    with pytest.raises(cause):
        write(frames(), path)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["shop.csv", "shop.csv.gz", "shop.parquet"])
def test_a_full_disk_is_reported_in_one_line_and_leaves_the_former_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("mine")
    # Writing beyond the limit fails like writing to a full disk.
    with _largest_file(20_000), pytest.raises(DataError, match=r"^can't write .*shop.* [Tt]oo large") as refused:
        write(rows(), path)
    assert "\n" not in str(refused.value)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    former, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (former, hard))


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "shop.csv", tmp_path / "link.csv"
    target.touch()
    link.symlink_to(target)
    write(rows()[:5], link)
    assert link.is_symlink()
    assert target.read_text().startswith('"Invoice"')
