"""Any CSV becomes rows of text, in order, or lines with a reason; nothing is lost and nothing is guessed."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from data.datasets.cells import DataError
from data.datasets.csv_lines import NOT_CLOSED, WHOLE_LINE
from data.datasets.engine import Engine
from data.datasets.headers import headers_of
from data.datasets.raw import BadLine, RawOptions, RawTable, line_of, lines_of, read_raw
from data.datasets.sources import TableSource

HEADER = "Order,Customer,Item,Price"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(memory=128 * 2**20, threads=2) as engine:
        yield engine


@pytest.fixture
def place(tmp_path: Path) -> TableSource:
    return TableSource(tmp_path / "shop.csv", "shop.csv", "csv")


class Read:
    """What a file holds."""

    def __init__(
        self, engine: Engine, source: TableSource, content: str | bytes, options: RawOptions | None = None
    ) -> None:
        source.path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.table: RawTable
        self.bad: list[BadLine]
        self.table, self.bad = read_raw(engine.db, source, "read", options or RawOptions())
        found = engine.db.execute("SELECT * FROM read ORDER BY segue_row").fetchall()
        assert [row[0] for row in found] == list(range(1, self.table.rows + 1))
        self.headers = self.table.headers
        self.rows = [list(row[1:]) for row in found]
        self.bad_lines = [(bad.line, bad.reason) for bad in self.bad]


def refusal(engine: Engine, source: TableSource, content: str | bytes, options: RawOptions | None = None) -> str:
    with pytest.raises(DataError) as caught:
        Read(engine, source, content, options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("shop.csv: ")
    return message


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_separator_and_each_line_end_gives_the_same_cells(
    engine: Engine, place: TableSource, separator: str, end: str
) -> None:
    lines = [["Order", "Item", "Price"], ["1", "MUG", "2.50"], ["2", "BIG LAMP", "3"]]
    read = Read(engine, place, end.join(separator.join(line) for line in lines))
    assert read.headers == lines[0]
    assert read.rows == lines[1:]
    assert read.bad == []


def test_a_decimal_comma_does_not_separate_columns(engine: Engine, place: TableSource) -> None:
    read = Read(engine, place, "Order;Price, net;Customer\n1;2,50;a\n2;4,25;b\n")
    assert read.headers == ["Order", "Price, net", "Customer"]
    assert read.rows == [["1", "2,50", "a"], ["2", "4,25", "b"]]


def test_a_separator_that_is_given_wins(engine: Engine, place: TableSource) -> None:
    read = Read(engine, place, "a,b:c,d\n1,2:3,4\n", RawOptions(separator=":"))
    assert read.headers == ["a,b", "c,d"]
    assert read.rows == [["1,2", "3,4"]]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("Order,Item\n1,MUG", [["1", "MUG"]]),
        ("\n  \nOrder,Item\n\n1,MUG\n   \n,\n2,CUP\n\n\n", [["1", "MUG"], ["2", "CUP"]]),
        ("\ufeffOrder,Item\n1,MUG\n", [["1", "MUG"]]),
        ("sep=;\nOrder;Item\n1;MUG, BIG\n", [["1", "MUG, BIG"]]),
        ('" Order ","Item"\n"1","A ""BIG"" MUG"\n', [["1", 'A "BIG" MUG']]),
        ('Order,Item\n1,SIGN 12" WIDE\n2,"12"" RULER"\n', [["1", 'SIGN 12" WIDE'], ["2", '12" RULER']]),
        ('Order,Item\n1,"two\nlines"\r\n2,CUP\n', [["1", "two\nlines"], ["2", "CUP"]]),
        ("Order,Item\r\n1,MUG\n2,CUP\r3,JAR\r\n", [["1", "MUG"], ["2", "CUP"], ["3", "JAR"]]),
        ("Order,Item\n1,MUG,\n2,CUP,,\n", [["1", "MUG"], ["2", "CUP"]]),
        ("Order,Item\n,MUG\n1,\n", [[None, "MUG"], ["1", None]]),
        ('Order,Item\n1,""\n', [["1", None]]),
        ("Order,Item\n", []),
        ("Order,Item", []),
    ],
)
def test_what_people_write_is_read(
    engine: Engine, place: TableSource, content: str, rows: list[list[str | None]]
) -> None:
    read = Read(engine, place, content)
    assert read.headers == ["Order", "Item"]
    assert read.rows == rows
    assert read.bad == []


def test_a_file_of_one_column_is_read(engine: Engine, place: TableSource) -> None:
    read = Read(engine, place, 'Order\n1\n\n"2"\n')
    assert read.headers == ["Order"]
    assert read.rows == [["1"], ["2"]]


def test_columns_without_a_name_and_names_that_repeat_get_numbers(engine: Engine, place: TableSource) -> None:
    read = Read(engine, place, "Price,price,,PRICE (2),segue_row,rowid,\n1,2,3,4,5,6,\n1,2,3,4,5,6\n")
    assert read.headers == [
        "Price",
        "price (2)",
        "column 3",
        "PRICE (2) (2)",
        "segue_row (2)",
        "rowid",
        "column 7",
    ]
    assert read.rows == [["1", "2", "3", "4", "5", "6", None]] * 2


@given(st.lists(st.text(st.sampled_from("aA (2)1"), max_size=7), max_size=9))
def test_no_two_headers_are_the_same(cells: list[str]) -> None:
    headers = [header.casefold() for header in headers_of(cells)]
    assert len(set(headers)) == len(headers) == len(cells)


def test_every_bad_line_is_named_by_the_number_of_an_editor(engine: Engine, place: TableSource) -> None:
    long = "9,c,MUG,1,extra" + "x" * 500
    content = f'{HEADER}\n\n1,a,"MUG\nBIG",1\n2,b,3\n3,c,CUP,1\n"4,d,""JAR"",1"\n{long}\n5,e,"A" B,1\n6,f,JAR,1\n'
    read = Read(engine, place, content)
    assert read.rows == [["1", "a", "MUG\nBIG", "1"], ["3", "c", "CUP", "1"], ["6", "f", "JAR", "1"]]
    assert [line for line, _ in read.bad_lines] == [5, 7, 8, 9]
    assert read.bad[0].reason == "it has 3 columns instead of 4"
    assert read.bad[0].text == "2,b,3"
    assert read.bad[1].reason == WHOLE_LINE
    assert read.bad[2].text == long[:200]
    assert [line_of(place, row) for row in (1, 2, 3)] == [
        (3, '1,a,"MUG\nBIG",1'),
        (6, "3,c,CUP,1"),
        (10, "6,f,JAR,1"),
    ]
    assert lines_of(place, [3, 1]).keys() == {1, 3}


@pytest.mark.parametrize("tail", ["", '7,g,"END",1\n', '7,g,END",1\n', '7,g,"A, ""B""\nC",1\n'])
def test_a_quotation_mark_that_is_not_closed_costs_one_line(engine: Engine, place: TableSource, tail: str) -> None:
    good = [[str(number), "a", "MUG", "1"] for number in range(3, 60)]
    content = f'{HEADER}\n1,a,CUP,1\n2,b,"WIDE,1\n' + "".join(",".join(row) + "\n" for row in good) + tail
    read = Read(engine, place, content)
    assert read.bad_lines == [(3, NOT_CLOSED)]
    assert read.rows[: len(good) + 1] == [["1", "a", "CUP", "1"], *good]
    assert read.table.rows == len(good) + 1 + bool(tail)


def test_a_packed_file_is_read_and_its_lines_are_numbered(engine: Engine, tmp_path: Path) -> None:
    source = TableSource(tmp_path / "shop.csv.gz", "shop.csv.gz", "csv")
    plain = Read(engine, source, gzip.compress(f"{HEADER}\n1,a,MUG,1\n2,b,CUP,1\n".encode()))
    assert plain.rows == [["1", "a", "MUG", "1"], ["2", "b", "CUP", "1"]]
    assert line_of(source, 2) == (3, "2,b,CUP,1")
    other = Read(engine, source, gzip.compress(f"{HEADER}\n\n1,a,MÜG,1\n".encode("cp1252")))
    assert other.rows == [["1", "a", "MÜG", "1"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_an_encoding_is_found_out(engine: Engine, place: TableSource, encoding: str) -> None:
    read = Read(engine, place, "Order,Währung,Name\n1,€,Zoë\n2,£,ASCII only\n".encode(encoding))
    assert read.headers == ["Order", "Währung", "Name"]
    assert read.rows == [["1", "€", "Zoë"], ["2", "£", "ASCII only"]]
    assert any("Windows-1252" in note for note in read.table.notes) == (encoding == "cp1252")


def test_an_encoding_that_is_given_wins(engine: Engine, place: TableSource) -> None:
    read = Read(engine, place, "Order,Name\n1,Łódź\n".encode("iso8859-2"), RawOptions(encoding="iso8859-2"))
    assert read.rows == [["1", "Łódź"]]
    assert "no encoding 'klingon'" in refusal(engine, place, "a,b\n", RawOptions(encoding="klingon"))


def test_a_broken_character_in_a_utf8_file_makes_its_line_bad_and_no_other(engine: Engine, place: TableSource) -> None:
    read = Read(engine, place, "Order,Name\n1,Zoë\n2,".encode() + b"\xff\n3,Mot\xc3\xb6rhead\n4,a\0b\n")
    assert read.rows == [["1", "Zoë"], ["3", "Motörhead"]]
    assert [line for line, _ in read.bad_lines] == [3, 5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"\n\n  \n", "the file is empty"),
        (b"sep=;\n", "the file is empty"),
        (b"<!DOCTYPE html><table><tr><td>1</td></tr></table>", "a web page"),
        (b'[{"order": 1}]', "JSON"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 20, "no text"),
        (gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:-9], "damaged"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9] + b"xxxxxxxxxx", "damaged"),
        (b"536365,2010-12-01 08:26,2.55,17850\n536366,2010-12-01 08:28,1.85,17850\n", "looks like data"),
        (b"Sales report\nMarch\n\nOrder,Item,Price\n1,MUG,2\n2,CUP,3\n3,JAR,1\n", "Sales report"),
        (b"Sales report,,\n\nOrder,Item,Price\n1,MUG,2\n2,CUP,3\n3,JAR,1\n", "of the 3 columns of line 3"),
        (b'"Order,Item"\n"1,MUG"\n', "in quotation marks as a whole"),
        (b",,\n1,2,3\n", "looks like data"),
        (b'"Order,Item\n1,2\n', "not closed"),
    ],
)
def test_what_is_no_table_is_refused_with_one_line(
    engine: Engine, place: TableSource, content: bytes, said: str
) -> None:
    assert said in refusal(engine, place, content)


def test_only_the_needed_columns_are_stored(engine: Engine, place: TableSource) -> None:
    for content in (f"{HEADER}\n1,a,MUG,1\n", f"{HEADER}\n\n1,a,MUG,1\n"):
        place.path.write_text(content)
        table, _ = read_raw(engine.db, place, "few", columns=lambda headers: [headers[3], headers[0]])
        assert table.headers == HEADER.split(",")
        assert engine.db.sql("SELECT * FROM few").columns == ["segue_row", "Order", "Price"]
        assert engine.db.execute("SELECT * FROM few").fetchall() == [(1, "1", "1")]


@pytest.mark.slow
def test_rows_keep_the_order_of_the_file_with_several_threads(engine: Engine, place: TableSource) -> None:
    count = 300_000
    lines = "".join(f"{number},customer {number % 977}\n" for number in range(count))
    for content in (f"Order,Customer\n{lines}", f"Order,Customer\n\n{lines}"):
        place.path.write_text(content)
        table, _ = read_raw(engine.db, place, "many")
        assert table.rows == count
        wrong = engine.db.execute('SELECT count(*) FROM many WHERE segue_row <> "Order"::BIGINT + 1').fetchone()
        assert wrong == (0,)


def test_a_file_name_with_the_signs_of_a_pattern_is_one_file(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a1.csv").write_text("Order,Item\nwrong,file\n")
    source = TableSource(tmp_path / "a[1]*?'.csv", "a[1]*?'.csv", "csv")
    assert Read(engine, source, "Order,Item\n1,MUG\n").rows == [["1", "MUG"]]


CELL = st.text(st.sampled_from(list("aZ09 .é😀€-\"',;\t|\n\r#=\\\x0b\x85\u2028")), max_size=6)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(2, 5).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=8)),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_table_of_any_text_comes_back_cell_by_cell(
    engine: Engine, place: TableSource, rows: list[list[str]], separator: str, quoting: int, end: str, encoding: str
) -> None:
    header = ["Order", "Item", "Name", "Price", "Note"][: len(rows[0]) if rows else 3]
    # Such a row is read as several lines with a stray quotation mark each, and reported.
    assume(not any(sum(cell.count(separator) for cell in row) >= len(header) - 1 for row in rows))
    # Python's writer leaves such a cell without quotation marks, and then it is the end of a line.
    assume(end == "\r\n" or not any("\r" in cell for row in rows for cell in row))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writerows([header, *rows])
    read = Read(engine, place, out.getvalue().encode(encoding), RawOptions(separator=separator))
    assert read.headers == header
    assert read.bad == []
    assert read.rows == [[cell or None for cell in row] for row in rows if any(row)]


def test_a_row_of_several_lines_is_bad_as_a_whole_if_one_of_them_is_no_text(engine: Engine, place: TableSource) -> None:
    content = 'Order,Name\n1,Zoë\n2,"Mot\n'.encode() + b'\x80rhead"\n3,Ann\n4,"two\nlines"\n'
    read = Read(engine, place, content)
    assert read.rows == [["1", "Zoë"], ["3", "Ann"], ["4", "two\nlines"]]
    assert [line.line for line in read.bad] == [3]


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_give_rows_or_one_line_and_never_another_error(
    engine: Engine, place: TableSource, data: st.DataObject
) -> None:
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16", "cp1252"]))
    whole = f'{HEADER}\n1,a,"MUG, ""é""",1.5\n2,b,"two\nlines",2\n3,c,CUP,3\n'.encode(encoding)
    packed = data.draw(st.booleans())
    content = bytearray(gzip.compress(whole) if packed else whole)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(list(b'",\n\r\0;'))))
    del content[data.draw(st.integers(0, len(content))) :]
    with suppress(DataError):
        read = Read(engine, place, bytes(content))
        assert all(len(row) == len(read.headers) for row in read.rows)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.sampled_from('a1" '), max_size=4), min_size=1, max_size=20),
    st.lists(st.sampled_from([",", ",", "\n"]), min_size=20, max_size=20),
    st.sampled_from(["\n", "\r\n"]),
)
@example(["", '"', '" "', '"'], [","] * 20, "\n")
@example(["", '  "'], [","] * 20, "\n")
def test_a_file_is_read_the_same_with_and_without_a_clean_copy(
    engine: Engine, place: TableSource, cells: list[str], between: list[str], end: str
) -> None:
    body = "".join(cell + sign for cell, sign in zip(cells, between, strict=False)).replace("\n", end)
    options = RawOptions(separator=",")
    try:
        direct = Read(engine, place, f"Order,Item,Price{end}{body}", options)
    except DataError:
        assume(False)
    # A blank line at the start needs the copy.
    copied = Read(engine, place, f"{end}Order,Item,Price{end}{body}", options)
    assert direct.rows == copied.rows
    assert [(line + 1, reason) for line, reason in direct.bad_lines] == copied.bad_lines
