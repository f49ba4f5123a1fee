"""What alerts remember between two runs: the incidents, in a file that one process holds."""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import msgspec

from runtime.errors import SegueError
from runtime.output_files import replacing
from services.alerts.incidents import Incident

#: The file in the state folder, unless another one is named.
STATE_NAME = "alerts.json"


class StateError(SegueError):
    """A state file that can't be used."""


class StateFile:
    """Incidents by rule and destination. A second process that opens the same file is refused."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path, self._lock = path, lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file, or begin one.

        Raises
        ------
        StateError
            If the file can't be written, or another process has it.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"can't write {path} ({error.strerror}): name another file with --state") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise StateError(f"another process sends alerts with {path}: stop it, or name another --state") from None
        return cls(path, lock)

    def read(self) -> dict[str, dict[str, Incident]]:
        """All incidents; none if the file is new. Raises :class:`StateError` if it holds something else."""
        return read_incidents(self._path) or {}

    def write(self, incidents: Mapping[str, Mapping[str, Incident]]) -> None:
        """Replace all incidents; raises :class:`runtime.output_files.OutputError` if the disk refuses."""
        with replacing(self._path) as draft:
            draft.write_bytes(msgspec.json.encode(incidents))

    def close(self) -> None:
        """Let another process have the file."""
        os.close(self._lock)


def read_incidents(path: Path) -> dict[str, dict[str, Incident]] | None:
    """What a file remembers, also while another process holds it; None if there is no file.

    Raises
    ------
    StateError
        If the file holds something else, or can't be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Incident]])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"can't read {path} ({error.strerror})") from None
    except msgspec.DecodeError:
        raise StateError(f"{path} is not a file of incidents: delete it, or name another --state") from None
