"""The temporary database leaves nothing behind, and its errors are one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data.datasets.cells import DataError
from data.datasets.engine import Engine, plain_errors

OPEN = """
import sys, time
from pathlib import Path
from data.datasets.engine import Engine, plain_errors
engine = Engine(Path(sys.argv[1]), memory=2**27, threads=1)
"""
WAIT = """
print("open", flush=True)
time.sleep(600)
"""
QUERY = """
import signal
# A process that a script starts in the background ignores SIGINT, and so would this one.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print("open", flush=True)
    with plain_errors("shop.csv"):
        engine.db.execute("SELECT count(*) FROM range(900000000) a, range(900000000) b WHERE a.range % 7 = b.range % 5")
except KeyboardInterrupt:
    engine.close()
    print("interrupted")
"""


def test_the_folder_vanishes_when_the_engine_is_closed(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        assert engine.folder.parent == tmp_path
        assert engine.folder.is_dir()
    engine.close()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next_engine_and_no_other(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", OPEN + WAIT, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    [other] = tmp_path.iterdir()
    with Engine(tmp_path):
        assert other.is_dir()
    process.kill()
    process.wait()
    process.stdout.close()
    with Engine(tmp_path) as engine:
        assert list(tmp_path.iterdir()) == [engine.folder]


def test_a_long_query_can_be_interrupted(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", OPEN + QUERY, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert output == "interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_one_line_that_begins_with_the_place(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine, pytest.raises(DataError) as caught, plain_errors("shop.csv"):
        engine.db.execute("SELECT\n nothing FROM nowhere")
    assert str(caught.value).startswith("shop.csv: can't read it: ")
    assert "\n" not in str(caught.value)


def test_a_full_temporary_folder_is_reported(tmp_path: Path) -> None:
    with Engine(tmp_path, memory=2**27, threads=1) as engine:
        engine.db.execute("SET max_temp_directory_size = '1MB'")
        with pytest.raises(DataError, match="no space left for temporary files"), plain_errors("shop.csv"):
            engine.db.execute(
                "CREATE TEMP TABLE t AS SELECT range, md5(range::VARCHAR) a FROM range(6000000) ORDER BY a"
            )


def test_a_folder_that_can_not_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="can't write temporary files there"):
        Engine(tmp_path / "file")
