"""Files that a command writes: looked at before the work begins, written aside, and renamed when they are complete."""

import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import Hint, SegueError


class OutputError(SegueError):
    """A file that can't be written; what was there before is unchanged."""


def check_output(
    path: Path,
    *,
    suffixes: Sequence[str] = (),
    force: bool = False,
    replaceable: Callable[[Path], bool] | None = None,
    kind: str = "",
) -> None:
    """Check that a file can be written, before the work for it begins.

    Parameters
    ----------
    suffixes
        The endings that are possible, such as ``.csv``; by default any.
    force
        Whether an existing file may be replaced.
    replaceable
        Whether an existing file may be replaced without ``force``; by default none may.
    kind
        What such a file is called in the message, such as ``a report``.

    Raises
    ------
    OutputError
        If the ending is another one, the folder is missing or read-only, a folder has that name, or a file exists.
    """
    if not path.name:
        raise OutputError("the name of the output file is empty: give a file")
    if suffixes and path.suffix.lower() not in suffixes:
        raise OutputError(f"{path}: the name must end with {' or '.join(suffixes)}")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        _check_folder(path)
        return
    except OSError as error:
        raise OutputError(f"can't write {path} ({error.strerror})") from None
    if stat.S_ISDIR(mode):
        raise OutputError(f"{path} is a folder: name a file in it")
    if not stat.S_ISREG(mode):
        return
    if not force and not _may_be_replaced(path, replaceable):
        reason = f"exists and is not {kind}" if kind else "exists"
        raise OutputError(f"{path} {reason}", Hint.OVERWRITE)
    _check_folder(path.resolve())


def _may_be_replaced(path: Path, replaceable: Callable[[Path], bool] | None) -> bool:
    try:
        return replaceable is not None and replaceable(path)
    except OSError:
        return False


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a file to write, which replaces ``path`` when the block ends without an error.

    The file is in the same folder and has the same ending. A link stays one: the file that it leads to is replaced. A
    device or a pipe is written directly.

    Raises
    ------
    OutputError
        If it can't be written, for example because the disk is full; ``path`` is unchanged then.
    """
    if path.exists() and not path.is_file():
        with _one_line(path):
            yield path
        return
    target = path.resolve()
    draft = target.with_name(f".segue-{secrets.token_hex(8)}{target.suffix if len(target.suffix) <= 16 else ''}")
    try:
        with _one_line(path):
            yield draft
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            if target.exists():
                draft.chmod(stat.S_IMODE(target.stat().st_mode))
            draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8; errors as for :func:`replacing`."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"can't write {path} ({error.strerror or error}); it is unchanged") from error


def _check_folder(path: Path) -> None:
    folder = path.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"{folder} is not a folder: create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder} can't be written to: choose another folder")
    if len(os.fsencode(path.name)) > os.pathconf(folder, "PC_NAME_MAX"):
        raise OutputError(f"the name of the output file is too long: {path.name[:40]}…")
