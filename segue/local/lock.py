"""One stack for each state folder: a file lock, which the system releases when the process ends."""

import fcntl
import time
from pathlib import Path
from typing import TextIO

from runtime.private_files import open_private, private_folder
from runtime.running_stack import LOCK_FILE

# Another command that looks whether a stack is running holds the lock for a moment.
_TRIES = 3
_PAUSE_SECONDS = 0.05


class StateLock:
    """Held while a stack runs on a folder."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / LOCK_FILE
        self._file: TextIO | None = None

    def acquire(self) -> bool:
        """Acquire the lock; return False if another process holds it."""
        private_folder(self._path.parent)
        file = open_private(self._path, "a")
        for _ in range(_TRIES):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE_SECONDS)
            else:
                self._file = file
                return True
        file.close()
        return False

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None
