"""Looks at the bytes of a text file once: its encoding, its lines, and whether DuckDB can read it as it is."""

import codecs
import gzip
import io
import re
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO, cast

from data.datasets.cells import DataError, shown

GZIP = b"\x1f\x8b"

_CHUNK = 2**20
_MAX_LINE = 16 * 2**20
_BLANK = re.compile(rb"\n\r?\n")
# Where a cell can begin or end, also with a separator that is not the file's: that costs time only.
_EDGES = b'",;\t|:^~\r\n'
_AFTER_BLANKS = re.compile(rb'[",;\t|:^~\r\n] +"')
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8 = ("utf-8", "utf-8-sig")
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\v\x1a\x1b"))


class CsvText(NamedTuple):
    """What is known of a text file.

    Parameters
    ----------
    encoding
        The name of Python's codec.
    packed
        Whether gzip packed it.
    lines
        Its physical lines.
    plain
        Whether it is UTF-8 with one kind of line end and without blank lines, so that each of its lines is a row,
        unless a quotation mark says otherwise. No quotation mark follows blanks at the edge of a cell, since DuckDB
        would take some of those for a part of the cell.
    broken
        What a line must not contain, ``None`` if no line does.
    notes
        Sentences for the output.
    """

    encoding: str
    packed: bool
    lines: int
    plain: bool
    broken: re.Pattern[str] | None
    notes: tuple[str, ...] = ()


def examine(path: Path, name: str, encoding: str | None = None) -> CsvText:
    """Read a whole file by chunks and say what it is.

    Raises
    ------
    DataError
        If it can't be read, is empty, holds no text, or ``encoding`` is unknown.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
        with _bytes(path, packed) as file:
            head = file.read(65_536)
        _require_text(head, name)
        if encoding is not None:
            _require_codec(encoding, name)
        codec = encoding or _marked(head)
        with _bytes(path, packed) as file:
            seen = _Seen()
            while chunk := file.read(_CHUNK):
                seen.add(chunk, name)
        notes: tuple[str, ...] = ()
        broken = None
        if codec is None or codecs.lookup(codec).name in _UTF8:
            codec = codec or "utf-8"
            if not seen.utf8 or seen.nul:
                broken = re.compile("[\0\ud800-\udfff]")
            if not seen.utf8 and encoding is None and not _mostly_utf8(path, packed):
                codec = "cp1252"
                notes = (f"{name} is not UTF-8; it is read as Windows-1252.",)
        if codecs.lookup(codec).name not in _UTF8:
            broken = re.compile("[\0\ufffd]")
        return CsvText(codec, packed, seen.lines, broken is None and seen.plain, broken, notes)
    except OSError as error:
        # gzip's own errors have no number.
        reason = error.strerror or "the compressed file is damaged"
        raise DataError(f"{name}: can't read it: {reason}") from None
    except (EOFError, zlib.error):
        raise DataError(f"{name}: the compressed file is damaged or cut off; get it again") from None


def open_text(path: Path, text: CsvText) -> TextIO:
    """The text of a file; its line ends are kept, bytes that are no text become what ``text.broken`` finds."""
    errors = "surrogateescape" if codecs.lookup(text.encoding).name in _UTF8 else "replace"
    return io.TextIOWrapper(_bytes(path, text.packed), encoding=text.encoding, errors=errors, newline="")


def decoded(content: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    """The text of a small file that is in memory, and sentences for the output.

    Raises
    ------
    DataError
        If it is empty or holds no text.
    """
    _require_text(content[:65_536], name)
    codec = _marked(content[:65_536]) or "utf-8"
    notes: tuple[str, ...] = ()
    try:
        text = content.decode(codec)
    except UnicodeDecodeError:
        if codec != "utf-8":
            raise DataError(f"{name}: it is damaged; save it again as CSV UTF-8") from None
        text = content.decode("cp1252", "replace")
        notes = (f"{name} is not UTF-8; it is read as Windows-1252.",)
    if "\0" in text or "\ufffd" in text:
        raise DataError(f"{name}: it holds bytes that are no text; save it again as CSV UTF-8")
    return text, notes


class _Seen:
    """Counts over the chunks of a file."""

    def __init__(self) -> None:
        self.utf8 = True
        self.nul = False
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._feeds = self._returns = self._pairs = 0
        self._blank = False
        self._tail = b"\n"
        self._edge = b"\n"
        self._after_blanks = False
        self._line = 0
        self._started = False

    def add(self, chunk: bytes, name: str) -> None:
        self._started = True
        if self.utf8:
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError:
                self.utf8 = False
        self.nul = self.nul or b"\0" in chunk
        self._feeds += chunk.count(b"\n")
        joined = self._tail + chunk
        if b"\r" in joined:
            self._returns += chunk.count(b"\r")
            self._pairs += joined.count(b"\r\n") - self._tail.count(b"\r\n")
        self._blank = self._blank or b"\n\n" in joined or (b"\n\r" in joined and bool(_BLANK.search(joined)))
        self._tail = joined[-2:]
        self._look_at_quotes(self._edge + chunk)
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        self._line = self._line + len(chunk) if last < 0 else len(chunk) - last
        if self._line > _MAX_LINE:
            raise DataError(f"{name}: a line is longer than {_MAX_LINE:,} bytes; is it really a CSV?")

    def _look_at_quotes(self, text: bytes) -> None:
        """Look for a quotation mark after blanks at the edge of a cell; they may be in two chunks."""
        self._after_blanks = self._after_blanks or (b' "' in text and bool(_AFTER_BLANKS.search(text)))
        end = len(text.rstrip(b" "))
        self._edge = text[end - 1 :] if end and text[end - 1] in _EDGES else b""

    @property
    def lines(self) -> int:
        return self._feeds + (self._started and not self._tail.endswith(b"\n"))

    @property
    def plain(self) -> bool:
        try:
            self._decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            self.utf8 = False
        one_end = self._returns == 0 or self._returns == self._pairs == self._feeds
        return self.utf8 and not self.nul and not self._blank and not self._after_blanks and one_end


def _bytes(path: Path, packed: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb") if packed else path.open("rb", buffering=_CHUNK))


def _marked(head: bytes) -> str | None:
    """The encoding that the first bytes tell, if any."""
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return codec
    part = head[:4096]
    half = len(part) // 2
    if half and part[1::2].count(0) > 0.4 * half and part[::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if half and part[::2].count(0) > 0.4 * half and part[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return None


def _require_text(head: bytes, name: str) -> None:
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise DataError(f"{name}: the file is empty")
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:200].lower()
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<?xml", b"<meta", b"<head")):
        raise DataError(f"{name}: it is a web page or XML, not a table; export it as CSV or Excel")
    if start.startswith((b"{", b"[{")):
        raise DataError(f"{name}: it is JSON, not a table; export it as CSV or Excel")
    if _marked(head) is None and len(head.translate(None, _CONTROL)) < 0.9 * len(head):
        raise DataError(f"{name}: it holds no text; use CSV, Excel or Parquet")


def _require_codec(encoding: str, name: str) -> None:
    try:
        "".encode(encoding)
        b"".decode(encoding)
    except LookupError:
        raise DataError(f"{name}: there is no encoding {shown(encoding)}; use utf-8, utf-16 or cp1252") from None


def _mostly_utf8(path: Path, packed: bool) -> bool:
    """Whether a file that is not UTF-8 throughout has more characters in UTF-8 than bytes that are not."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    with _bytes(path, packed) as file:
        while chunk := file.read(_CHUNK):
            if chunk.isascii():
                continue
            outside = [character for character in decoder.decode(chunk) if character > "\x7f"]
            wrong = sum("\ud800" <= character <= "\udfff" for character in outside)
            bad += wrong
            good += len(outside) - wrong
    return good >= bad
