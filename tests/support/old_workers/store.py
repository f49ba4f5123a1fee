"""Stores the worker of a commit as an archive, so that tests of upgrades need neither the history nor a network.

``python -m tests.support.old_workers.store COMMIT`` writes ``NUMBER.zip`` beside this file; the number is that of the
commit's newest migration. Python imports modules from the archive as it is. The same commit gives the same bytes.
"""

import subprocess
import sys
from pathlib import Path

# What a worker imports; it has no need of migrations and of schemas for subscribers.
_MODULES = ("runtime", "models", "data/*.py", "data/contract", "data/kafka", "data/postgres/*.py", "stream_app")
_MIGRATIONS = "data/postgres/migrations/versions/"


def store(commit: str, folder: Path) -> Path:
    """Write the archive of a commit's worker into a folder; returns its path."""
    migrations = _git("ls-tree", "--name-only", commit, _MIGRATIONS).split()
    newest = max(Path(name).stem.partition("_")[0] for name in migrations)
    archive = folder / f"{newest}.zip"
    files = [f":(glob){pattern}" if "*" in pattern else f":(glob){pattern}/**/*.py" for pattern in _MODULES]
    _git("archive", "--format=zip", "-9", f"--output={archive}", commit, "--", *files)
    return archive


def _git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    print(store(sys.argv[1], Path(__file__).parent))  # noqa: T201
