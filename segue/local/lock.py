"""One stack per state folder: a file lock that goes with its process, however that ends."""

import fcntl
from pathlib import Path
from typing import TextIO


class StateLock:
    """Held while a stack runs on a folder."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "lock"
        self._file: TextIO | None = None

    def acquire(self) -> bool:
        """Take the lock; False if another process has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None
