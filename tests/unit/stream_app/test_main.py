"""The start of a worker's process."""

import subprocess
import sys

import pytest

PROGRAM = """
import gc
import stream_app.program
from stream_app.__main__ import main
stream_app.program.run = lambda: print(gc.isenabled(), gc.get_freeze_count() > 10_000)
main()
"""


@pytest.mark.slow
def test_what_was_imported_is_never_searched_for_garbage_and_everything_else_is() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


RUN = """
import gc
import stream_app.program
from stream_app.__main__ import main
stream_app.program.worker_config = lambda settings: None
stream_app.program.run_worker = lambda config: print(gc.get_threshold()[0])
main()
"""


@pytest.mark.slow
def test_a_worker_looks_for_garbage_rarely() -> None:
    # Python's own threshold is 700; that of this process may have been changed by another test.
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 10 * 700
