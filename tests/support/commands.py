"""``segue`` commands as processes."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def segue(state_dir: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed, on the stack of a state folder; returns its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "segue", *arguments],
        env=os.environ | {"SEGUE_STATE_DIR": str(state_dir)} | dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
