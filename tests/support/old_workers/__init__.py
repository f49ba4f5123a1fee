"""Workers of earlier schema versions, which tests of upgrades run beside those of this version."""

import zipfile
from pathlib import Path

# The tables assume 17 of workers that announce nothing: those before version 18.
_ASSUMED = 17

_FOLDER = Path(__file__).parent


def versions() -> list[int]:
    """The schema versions of the stored workers, oldest first."""
    return sorted(int(path.stem) for path in _FOLDER.glob("*.zip"))


def announced(version: int) -> int:
    """The schema version that the tables have of the worker of a schema version."""
    return max(version, _ASSUMED)


def environment(version: int) -> dict[str, str]:
    """Variables with which ``python -m stream_app`` runs the worker of a schema version, whatever the folder is."""
    archive = _FOLDER / f"{version:04}.zip"
    assert zipfile.is_zipfile(archive), f"{archive} is missing: see tests/support/old_workers/store.py"
    # Without the second one, Python would look for modules in the current folder first.
    return {"PYTHONPATH": str(archive), "PYTHONSAFEPATH": "1"}
