"""Files, folders, patterns and a pipe become one list of tables, in a stable order."""

import io
import os
from pathlib import Path

import openpyxl
import pytest

from data.datasets.cells import DataError
from data.datasets.sources import STDIN, sources


def write(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("Order,Item\n1,MUG\n")


def refusal(*paths: Path) -> str:
    with pytest.raises(DataError) as caught:
        sources(paths)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_files_of_a_folder_are_read_in_natural_order(tmp_path: Path) -> None:
    write(tmp_path / "days", "day10.csv", "day2.csv", "day1.TSV", ".hidden.csv")
    (tmp_path / "days" / "older").mkdir()
    assert [source.name for source in sources([tmp_path / "days"])] == ["day1.TSV", "day2.csv", "day10.csv"]


def test_a_pattern_names_the_files_that_match(tmp_path: Path) -> None:
    write(tmp_path, "2024-2.csv", "2024-11.csv", "2025-1.csv")
    found = sources([tmp_path / "2025*", tmp_path / "2024-*.csv"])
    assert [source.name for source in found] == ["2025-1.csv", "2024-2.csv", "2024-11.csv"]
    assert "no file matches" in refusal(tmp_path / "2023*.csv")


def test_a_file_with_the_signs_of_a_pattern_is_itself(tmp_path: Path) -> None:
    write(tmp_path, "a[1].csv", "a1.csv")
    assert [source.name for source in sources([tmp_path / "a[1].csv"])] == ["a[1].csv"]


def test_a_file_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    assert "named twice" in refusal(tmp_path / "a.csv", tmp_path / "*.csv")
    assert "named twice" in refusal(tmp_path / "a.csv", tmp_path / "b.csv")


def test_the_standard_input_becomes_a_file() -> None:
    [source] = sources([STDIN], stdin=io.BytesIO(b"Order,Item\n1,MUG\n"))
    assert source.name == "standard input"
    assert source.kind == "csv"
    assert source.path.read_text() == "Order,Item\n1,MUG\n"


def test_files_of_one_name_are_reported_apart_by_their_folder(tmp_path: Path) -> None:
    write(tmp_path / "may", "day1.csv", "day2.csv")
    write(tmp_path / "june", "day1.csv")
    names = [source.name for source in sources([tmp_path / "may", tmp_path / "june"])]
    assert names == [f"{tmp_path}/may/day1.csv", "day2.csv", f"{tmp_path}/june/day1.csv"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [("a.csv", b"PAR1....", "parquet"), ("a.txt", b"a,b\n", "csv"), ("a.xls", b"a\tb\n", "csv")],
)
def test_the_content_decides_over_the_name(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert sources([tmp_path / name])[0].kind == kind


def test_every_visible_sheet_is_a_table(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    for name, state in (("May", "visible"), ("Notes", "hidden"), ("June", "visible")):
        sheet = workbook.create_sheet(name)
        sheet.append(["Order"])
        sheet.sheet_state = state
    del workbook["Sheet"]
    workbook.save(tmp_path / "year.xlsx")
    assert [source.sheet for source in sources([tmp_path / "year.xlsx"])] == ["May", "June"]
    assert [source.sheet for source in sources([tmp_path / "year.xlsx"], sheets=["Notes"])] == ["Notes"]
    with pytest.raises(DataError, match=r"no sheet 'July'; it has 'May', 'Notes', 'June'"):
        sources([tmp_path / "year.xlsx"], sheets=["July"])


def test_what_can_not_be_read_is_reported_in_one_line(tmp_path: Path) -> None:
    write(tmp_path / "mixed", "a.csv", "b.docx", "c.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "nothing")
    (tmp_path / "zero.csv").touch()
    (tmp_path / "not.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    assert "no such file" in refusal(tmp_path / "absent.csv")
    assert "no such file" in refusal(tmp_path / "dangling.csv")
    assert "holds no files" in refusal(tmp_path / "empty")
    assert "holds no files" in refusal(tmp_path / "folder.csv")
    assert "b.docx, c.png" in refusal(tmp_path / "mixed")
    assert "not this kind" in refusal(tmp_path / "mixed" / "b.docx")
    assert "no regular file" in refusal(tmp_path / "pipe.csv")
    assert "the file is empty" in refusal(tmp_path / "zero.csv")
    assert "not a readable Excel file" in refusal(tmp_path / "not.xlsx")
    assert "no file is named" in refusal()
