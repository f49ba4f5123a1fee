"""Commands as somebody types them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def segue(state_dir: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints on standard output, for the stack in a state folder; it must succeed."""
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
