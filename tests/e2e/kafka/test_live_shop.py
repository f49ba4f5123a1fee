"""The example of a shop that goes live, on a real Kafka: everything agrees at the end."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.browser import CHROMIUM, ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(2_400)]


def test_a_shop_goes_live_and_everything_agrees(tmp_path: Path) -> None:
    pages = [] if CHROMIUM else ["--no-pages"]
    command = [sys.executable, "-m", "examples.live_shop.run", "--broker", "apache", "--folder", str(tmp_path), *pages]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything agrees." in done.stdout
    assert "Time alone has moved" in done.stdout
