"""The temporary DuckDB database that holds a dataset while it is read."""

import fcntl
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import duckdb

from data.datasets.cells import DataError

MAX_MEMORY = 512 * 2**20
_MIN_MEMORY = 128 * 2**20
_PREFIX = "segue-data-"
_NO_SPACE = ("No space left", "Disk quota", "File too large", "max_temp_directory_size")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


class Engine:
    """A DuckDB database in a folder of its own, which vanishes when the engine is closed or the process ends.

    A killed process leaves its folder behind; the next engine beside it removes the folder.

    Parameters
    ----------
    parent
        The folder to work in; the system's temporary folder by default.
    memory
        How many bytes DuckDB may use before it writes to the folder; a quarter of the machine by default, at most
        ``MAX_MEMORY``.
    threads
        How many threads DuckDB uses; one per CPU by default.

    Raises
    ------
    DataError
        If the folder can't be written.
    """

    def __init__(self, parent: Path | None = None, memory: int | None = None, threads: int | None = None) -> None:
        where = parent if parent is not None else Path(tempfile.gettempdir())
        try:
            _remove_left_behind(where)
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))
            lock = _locked(self.folder)
        except OSError as error:
            raise DataError(f"{where}: can't write temporary files there: {error.strerror}") from None
        try:
            self.db = _connect(self.folder, memory or default_memory(), threads or os.cpu_count() or 1)
        except BaseException:
            _remove(None, lock, self.folder)
            raise
        self._remove = weakref.finalize(self, _remove, self.db, lock, self.folder)

    def close(self) -> None:
        """Close the database and remove its folder; closing twice is harmless."""
        self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def default_memory() -> int:
    """Bytes: a quarter of the machine's or the container's memory, within bounds."""
    limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):
        limit = min(limit, int(_CGROUP_LIMIT.read_text()))
    return max(_MIN_MEMORY, min(MAX_MEMORY, limit // 4))


def engine_folder(db: duckdb.DuckDBPyConnection) -> Path:
    """The folder of the engine that a connection belongs to, for temporary files."""
    setting = db.execute("SELECT current_setting('temp_directory')").fetchone()
    return Path(setting[0]).parent if setting else Path(tempfile.gettempdir())


@contextmanager
def plain_errors(place: str) -> Iterator[None]:
    """Raise DuckDB's errors as a :class:`DataError` of one line that begins with ``place``.

    Every query that may take long belongs into it, since Ctrl-C is a ``KeyboardInterrupt`` only here.
    """
    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except RuntimeError as error:
        # This is what DuckDB makes of Ctrl-C during a query.
        if "interrupted" not in str(error).lower():
            raise
        raise KeyboardInterrupt from None
    except duckdb.Error as error:
        raise DataError(f"{place}: {_reason(error)}") from None


def no_space(reason: str) -> str:
    """What to do if a temporary file can't be written for ``reason``."""
    if any(sign in reason for sign in _NO_SPACE):
        return "there is no space left for temporary files; make space, or set TMPDIR to a folder on a larger disk"
    return f"can't write a temporary file: {reason}"


def _reason(error: duckdb.Error) -> str:
    text = " ".join(str(error).split())
    if any(sign in text for sign in _NO_SPACE):
        return no_space(text)
    if isinstance(error, duckdb.OutOfMemoryException):
        return "there is not enough memory to read the file"
    return f"can't read it: {text[:200]}"


def _connect(folder: Path, memory: int, threads: int) -> duckdb.DuckDBPyConnection:
    with plain_errors(str(folder)):
        db = duckdb.connect(
            folder / "dataset.duckdb",
            config={
                "memory_limit": f"{memory // 2**20}MiB",
                "threads": str(threads),
                "temp_directory": str(folder / "spill"),
                # Nobody reads the file after a crash.
                "fsync_mode": "NONE",
                # Segue never downloads code while it runs.
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        db.execute("SET TimeZone = 'UTC'")
        # The file is removed when it is closed, so nobody reads what a checkpoint would write.
        db.execute("PRAGMA disable_checkpoint_on_shutdown")
        db.execute("SET preserve_insertion_order = true")
        # A notebook without ipywidgets has no bar, and refuses the setting.
        with suppress(duckdb.InvalidInputException):
            db.execute("SET enable_progress_bar = false")
    return db


def _locked(folder: Path) -> IO[bytes]:
    """A lock that says that the folder is in use. It gets its name when it is locked, so nobody sees it unlocked."""
    lock = (folder / "lock.new").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / "lock.new").rename(folder / "lock")
    return lock


def _remove(db: duckdb.DuckDBPyConnection | None, lock: IO[bytes], folder: Path) -> None:
    if db is not None:
        db.close()
    shutil.rmtree(folder, ignore_errors=True)
    lock.close()


def _remove_left_behind(parent: Path) -> None:
    """Remove the folders of engines whose process was killed."""
    for lock in parent.glob(f"{_PREFIX}*/lock"):
        with suppress(OSError), lock.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
