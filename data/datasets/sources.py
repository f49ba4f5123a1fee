"""Finds the files of a dataset: paths, folders, patterns, and what comes in through a pipe."""

import atexit
import glob
import os
import re
import shutil
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from data.datasets.cells import DataError
from data.datasets.engine import no_space
from data.datasets.excel_files import visible_sheets

STDIN = Path("-")

Kind = Literal["csv", "parquet", "excel"]

_ENDINGS: dict[str, Kind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".csv.gz": "csv",
    ".tsv.gz": "csv",
    ".txt.gz": "csv",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xls": "excel",
}
_KNOWN = "CSV (.csv, .tsv, .txt, also with .gz), Excel (.xlsx, .xlsm, .xls) and Parquet (.parquet)"
_MAX_NAMED = 5


class TableSource(NamedTuple):
    """One table to read: a file or a sheet of one, and what messages call it."""

    path: Path
    name: str
    kind: Kind
    sheet: str | None = None


def sources(
    paths: Sequence[Path], sheets: Sequence[str] = (), stdin: BinaryIO | None = None, folder: Path | None = None
) -> list[TableSource]:
    """The tables in files, in the order of ``paths``; the files of a folder or a pattern are sorted, 2 before 10.

    Parameters
    ----------
    paths
        Files, folders, patterns such as ``exports/*.csv``, or ``-`` for the standard input, which is copied into a
        temporary file.
    sheets
        The sheets of Excel files to read; every visible one by default.
    stdin
        What ``-`` reads; the standard input by default.
    folder
        Where the copy is made, such as the folder of an engine; by default in one that vanishes with the process.

    Raises
    ------
    DataError
        If there is no file, a file can't be read or is none that Segue knows, or a file is named twice.
    """
    if not paths:
        raise DataError("no file is named")
    files: list[_File] = []
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        for file in _files(Path(path), stdin, folder):
            about = _stat(file.path)
            identity = (about.st_dev, about.st_ino)
            if identity in seen:
                raise DataError(f"{file.name}: the file is named twice, also as {seen[identity]}; name it once")
            seen[identity] = file.name
            files.append(file)
    # Two folders may hold files of one name.
    names = Counter(file.name for file in files)
    files = [file if names[file.name] == 1 else file._replace(name=str(file.path)) for file in files]
    return [table for file in files for table in _tables(file, sheets)]


class _File(NamedTuple):
    path: Path
    name: str


def _files(path: Path, stdin: BinaryIO | None, folder: Path | None) -> list[_File]:
    if path == STDIN:
        return [_File(_spooled(stdin if stdin is not None else sys.stdin.buffer, folder), "standard input")]
    if not os.path.lexists(path) and glob.has_magic(str(path)):
        matching = [Path(name) for name in glob.glob(str(path), recursive=True)]
        files = [file for file in matching if not file.is_dir()]
        if not files:
            raise DataError(f"{path}: no file matches")
        unknown = [file for file in files if _kind(file) is None]
        if unknown:
            raise DataError(f"{path}: {_listed(unknown)}: Segue reads {_KNOWN}; narrow the pattern")
        return [_File(file, file.name) for file in sorted(files, key=_natural)]
    if path.is_dir():
        return _in_folder(path)
    if _kind(path) is None and path.is_file():
        raise DataError(f"{path}: Segue reads {_KNOWN}, not this kind of file")
    return [_File(path, path.name)]


def _in_folder(folder: Path) -> list[_File]:
    try:
        entries = sorted((entry for entry in folder.iterdir() if not entry.name.startswith((".", "~$"))), key=_natural)
    except OSError as error:
        raise DataError(f"{folder}: can't read the folder: {error.strerror}") from None
    files = [entry for entry in entries if not entry.is_dir()]
    unknown = [file for file in files if _kind(file) is None]
    if unknown:
        raise DataError(f"{folder}: the folder also holds {_listed(unknown)}; Segue reads {_KNOWN}, so name a pattern")
    if not files:
        raise DataError(f"{folder}: the folder holds no files that Segue reads: {_KNOWN}")
    return [_File(file, file.name) for file in files]


def _tables(file: _File, sheets: Sequence[str]) -> list[TableSource]:
    kind = _content(file) or _kind(file.path) or "csv"
    if kind != "excel":
        return [TableSource(file.path, file.name, kind)]
    return [
        TableSource(file.path, f"{file.name}, sheet {sheet!r}", kind, sheet)
        for sheet in visible_sheets(file.path, file.name, sheets)
    ]


def _content(file: _File) -> Kind | None:
    """The kind that the first bytes tell, whatever the file is called."""
    try:
        with file.path.open("rb") as opened:
            head = opened.read(8)
    except OSError as error:
        raise DataError(f"{file.name}: can't read it: {error.strerror}") from None
    if not head:
        raise DataError(f"{file.name}: the file is empty")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
        return "excel"
    if _kind(file.path) == "excel":
        # Many shops call a table of text or a web page .xls.
        return "csv"
    return None


def _kind(path: Path) -> Kind | None:
    name = path.name.lower()
    return next((kind for ending, kind in _ENDINGS.items() if name.endswith(ending)), None)


def _stat(path: Path) -> os.stat_result:
    try:
        about = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: can't read it: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(about.st_mode):
        raise DataError(f"{path}: it is no regular file; write it through a pipe to - instead")
    return about


def _spooled(stream: BinaryIO, folder: Path | None) -> Path:
    """A temporary file with the content of a stream."""
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="segue-stdin-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "stdin"
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file, 2**20)
    except OSError as error:
        raise DataError(f"standard input: {no_space(error.strerror or str(error))}") from None
    return path


def _natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts 2 before 10."""
    parts = re.split(r"(\d+)", str(path).casefold(), flags=re.ASCII)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _listed(files: Sequence[Path]) -> str:
    names = ", ".join(file.name for file in files[:_MAX_NAMED])
    return names if len(files) <= _MAX_NAMED else f"{names} and {len(files) - _MAX_NAMED} more"
