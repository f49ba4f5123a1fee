"""No argument ends in a traceback: every command with bad values of every kind, where no stack runs."""

import shutil
import socket
from pathlib import Path

import pytest

from tests.support.bad_arguments import CASES, QUICK, Case, cases_of, judged, run, write_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with files that no command can use."""
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("SEGUE_DATABASE_URL", "SEGUE_BOOTSTRAP_SERVERS", "SEGUE_STATE_DIR", "SEGUE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("command", QUICK)
def test_bad_values_are_refused_in_one_line(command: str, folder: Path) -> None:
    own = cases_of(command)
    problems = [problem for case in own if (problem := judged(case)) is not None]
    assert own
    assert not problems, f"{len(problems)} of {len(own)}:\n" + "\n".join(problems)


SERVERS = [
    *(("dashboard", word) for word in ("--address=foo", "--address=-1", "--address=999.1.1.1", "--port=70000")),
    ("dashboard", "--address=x" * 100),
    ("dashboard",),
    ("worker",),
    *(
        (command, word)
        for command in ("demo", "up")
        for word in (
            *("--port=70000", "--port=-1", "--port=x", "--workers=0", "--broker=x", "--state-dir=wrong.txt"),
            *("--state-dir=wrong.txt/x", "--state-dir=/proc/nothing", "--state-dir=" + "x" * 300),
        )
    ),
    ("up", "--nodes=3"),
    ("up", "--nodes=4"),
    *(
        ("demo", word)
        for word in ("--cutoff=x", "--cutoff=1970-01-01", "--speed=x", "--k=0", "--k=x", "--k=99999999999")
    ),
    *((command, word) for command in ("demo", "soak") for word in ("missing.csv", "folder", "binary.csv", "empty.csv")),
    *(("soak", "missing.csv", word) for word in ("--faults=0", "--minutes=nan", "--minutes=inf", "--seed=x")),
    *(
        ("data", "fetch", f"--from={word}")
        for word in ("missing.zip", "folder", "binary.xlsx", "", "x://y", "wrong.txt")
    ),
    *(("data", "fetch", f"--from={word}") for word in ("http://127.0.0.1:1/x.zip", "http://[", "x" * 300, "wrong.txt")),
]


@pytest.mark.slow
@pytest.mark.parametrize("words", SERVERS, ids=lambda words: " ".join(words)[:60])
def test_what_starts_servers_refuses_bad_values_before_it_does(words: tuple[str, ...], folder: Path) -> None:
    case = Case(words)
    if words[0] == "data":
        # A dataset that is there already is not fetched again.
        shutil.rmtree(folder / ".segue")
    done = run(case)
    assert done.returncode in (1, 2), done
    assert judged(case) is None


@pytest.mark.slow
@pytest.mark.parametrize("command", ["demo", "up", "dashboard"])
def test_a_port_in_use_is_refused(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_DATABASE_URL", "postgresql://segue@127.0.0.1:1/segue")
    with socket.create_server(("127.0.0.1", 0)) as server:
        case = Case((command, f"--port={server.getsockname()[1]}"))
        assert judged(case) is None
        assert "is taken; choose another --port" in run(case).stderr


def test_there_are_hundreds_of_cases() -> None:
    assert len(CASES) > 500
