"""One stack for each state folder: a file lock, which the system releases when the process ends."""

import fcntl
from pathlib import Path
from typing import TextIO

from runtime.private_files import open_private, private_folder


class StateLock:
    """Held while a stack runs on a folder."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "lock"
        self._file: TextIO | None = None

    def acquire(self) -> bool:
        """Acquire the lock; return False if another process holds it."""
        private_folder(self._path.parent)
        file = open_private(self._path, "a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None
