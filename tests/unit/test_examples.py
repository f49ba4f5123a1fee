"""How many examples property tests try, and which."""

import os
import subprocess
import sys

import pytest

from tests.support.file_order import ROOT

_ASK = "import tests.conftest; from hypothesis import settings; print(settings().derandomize, settings().max_examples)"


@pytest.mark.slow
def test_every_run_tries_other_examples_where_ci_is_set_too() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=ROOT,
        env=os.environ | {"CI": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["False", "33"]
