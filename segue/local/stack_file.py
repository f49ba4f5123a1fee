"""The file in the state folder by which other commands find a running stack."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock

from runtime.private_files import private_folder, write_private
from runtime.running_stack import STACK_FILE
from segue.local.processes import ChildProcess


class StackFile:
    """The connection settings and process ids of a running stack. Any thread may write the file."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / STACK_FILE
        self._writing = Lock()

    def write(self, settings: Mapping[str, str], children: Iterable[ChildProcess]) -> None:
        """Replace the file as a whole, readable only by its owner."""
        private_folder(self._path.parent)
        content = {
            "pid": os.getpid(),
            "settings": settings,
            "processes": {child.name: child.pid for child in children},
        }
        draft = self._path.with_name(f"{STACK_FILE}.part")
        with self._writing:
            write_private(draft, json.dumps(content, indent=2))
            draft.replace(self._path)

    def remove(self) -> None:
        """Delete the file, if it exists."""
        self._path.unlink(missing_ok=True)
