"""A folder in memory for a Postgres server of tests.

Every database is some three hundred files, which are copied for a test and deleted after it. On a disk, the kernel
spends several times as much CPU on that as Postgres does on the test.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

_MEMORY = Path("/dev/shm")  # noqa: S108 - the folders in it are private
#: Bytes that must be free, several times what the server of a test process needs.
_ROOM = 3 * 2**30


@contextmanager
def folder_in_memory(otherwise: Path, memory: Path = _MEMORY, room: int = _ROOM) -> Iterator[Path]:
    """A new folder in memory while the block runs; ``otherwise``, where memory is short or can't hold files."""
    if not _has_room(memory, room):
        yield otherwise
        return
    prefix = f"segue-tests-{os.geteuid()}-"
    with (memory / f"{prefix}lock").open("w") as lock:
        # Only one process at a time: a folder that is not locked yet looks abandoned.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in memory.glob(f"{prefix}folder-*"):
            _remove_if_abandoned(folder)
        made = TemporaryDirectory(prefix=f"{prefix}folder-", dir=memory, ignore_cleanup_errors=True)
        held = os.open(made.name, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield Path(made.name) / "data"
    finally:
        made.cleanup()
        os.close(held)


def _has_room(memory: Path, room: int) -> bool:
    return (
        os.access(memory, os.W_OK)
        and shutil.disk_usage(memory).free >= room
        and psutil.virtual_memory().available >= room
    )


def _remove_if_abandoned(folder: Path) -> None:
    """Remove a folder whose process was killed: the lock ends with the process."""
    try:
        held = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        # Its own process has removed it since the folders were listed.
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)
