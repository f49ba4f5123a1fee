"""The programs in examples/subscribers keep their place: killed and started again, they lose and repeat nothing."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data.datasets.dataset import Dataset
from models.segment_model import SegmentModel
from segue.local.apache.java import java
from tests.support.brokers import BOTH_BROKERS
from tests.support.local_stack import Local, local, wait_until
from tests.support.sections import section

PROGRAMS = Path(__file__).parents[2] / "examples" / "subscribers"
FIRST, STEP = 800, 400
#: By program: what it needs on the machine, and the files that are copied beside it.
NEEDED = {"subscriber.py": (), "subscriber.mjs": ("node", "npm"), "Subscriber.java": ("java", "mvn"), "kcat.sh": ()}
_KCAT = ("kcat", "jq", "flock")


@dataclass
class Shop:
    """A stack, and the next transactions to send."""

    run: Local
    dataset: Dataset
    starts: "itertools.count[int]"

    def trade(self) -> None:
        start = next(self.starts)
        self.run.replay(self.dataset, section(self.dataset, start, start + STEP))

    def events(self) -> list[str]:
        return sorted(json.dumps(data, sort_keys=True) for data in self.run.topic())


@pytest.fixture(scope="module", params=BOTH_BROKERS)
def shop(
    request: pytest.FixtureRequest, dataset: Dataset, model: SegmentModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    with local(tmp_path_factory.mktemp("programs"), model, broker=request.param) as running:
        running.replay(dataset, section(dataset, 0, FIRST))
        yield Shop(running, dataset, itertools.count(FIRST, STEP))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs, in which their install lines have been run."""
    folder = tmp_path_factory.mktemp("installed")
    for file in PROGRAMS.iterdir():
        shutil.copy(file, folder)
    for name, tools in NEEDED.items():
        if tools and not _lacking(name):
            line = re.search(r"^// ((?:npm|mvn) .*)$", (folder / name).read_text(), re.MULTILINE)
            assert line is not None
            subprocess.run(["bash", "-c", line[1]], cwd=folder, check=True, capture_output=True, timeout=600)
    return folder


def _lacking(name: str) -> list[str]:
    return [tool for tool in (_KCAT if name == "kcat.sh" else NEEDED[name]) if shutil.which(tool) is None]


@dataclass
class Program:
    """One of the programs, with what it writes."""

    name: str
    folder: Path
    servers: str
    output: Path

    def start(self) -> "subprocess.Popen[str]":
        how = {
            "subscriber.py": [sys.executable, "subscriber.py"],
            "subscriber.mjs": ["node", "subscriber.mjs"],
            "Subscriber.java": [java() if self.name == "Subscriber.java" else "", "-cp", "lib/*", "Subscriber.java"],
            "kcat.sh": ["./kcat.sh"],
        }
        command = [*how[self.name], self.servers, str(self.output)]
        return subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True, start_new_session=True)

    @property
    def files(self) -> list[Path]:
        return sorted(self.output.glob("*.tsv")) if self.output.is_dir() else [self.output]

    def lines(self) -> list[list[str]]:
        """The fields of all complete lines."""
        texts = [file.read_text().rpartition("\n")[0] for file in self.files if file.exists()]
        return [line.split("\t") for text in texts if text for line in text.split("\n")]

    def has_read_every_partition(self) -> bool:
        return {fields[0] for fields in self.lines()} >= {"0", "1", "2", "3"}

    def events(self) -> list[str]:
        return sorted(json.dumps(json.loads(fields[-1])["data"], sort_keys=True) for fields in self.lines())


def _kill(process: "subprocess.Popen[str]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


PARAMETERS = [
    pytest.param(name, marks=pytest.mark.skipif(bool(_lacking(name)), reason=f"needs {', '.join(_lacking(name))}"))
    for name in NEEDED
]


@pytest.fixture
def program(request: pytest.FixtureRequest, shop: Shop, installed: Path, tmp_path: Path) -> Program:
    name: str = request.param
    if name == "Subscriber.java" and not shop.run.settings.exactly_once:
        pytest.skip("the Java client does not understand the embedded broker")
    output = tmp_path / ("changes" if name == "kcat.sh" else "changes.tsv")
    return Program(name, installed, shop.run.settings.brokers.servers, output)


@pytest.mark.parametrize("program", PARAMETERS, indirect=True)
def test_a_program_that_is_killed_goes_on_where_it_was(program: Program, shop: Shop) -> None:
    process = program.start()
    wait_until(program.has_read_every_partition)
    _kill(process)
    before = {file: file.read_text().rpartition("\n")[0] for file in program.files}
    # What a program leaves that is killed in the middle of a line.
    with program.files[0].open("a") as output:
        output.write("0\t12")
    shop.trade()
    events = shop.events()
    process = program.start()
    try:
        wait_until(lambda: len(program.lines()) >= len(events))
        assert program.events() == events
    finally:
        _kill(process)
    for file, text in before.items():
        assert file.read_text().startswith(text), "what was written stays"


@pytest.mark.parametrize("program", PARAMETERS, indirect=True)
def test_a_program_whose_file_is_of_another_log_says_so_and_ends(program: Program, shop: Shop) -> None:
    process = program.start()
    wait_until(program.has_read_every_partition)
    _kill(process)
    log_id = shop.run.replaying.identity.log_id
    for file in program.files:
        text = file.read_text().rpartition("\n")[0] + "\n"
        assert log_id in text
        file.write_text(text.replace(log_id, "another"))
    held = program.events()
    shop.trade()
    process = program.start()
    _, error = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "is of another log: begin with a new f" in error
    assert program.events() == held


@pytest.mark.parametrize("program", [each for each in PARAMETERS if each.values != ("kcat.sh",)], indirect=True)
def test_a_program_says_which_changes_are_missing(program: Program, shop: Shop) -> None:
    process = program.start()
    wait_until(lambda: len(program.lines()) >= len(shop.events()))
    _kill(process)
    shop.trade()
    lines, events = program.output.read_text().splitlines(keepends=True), shop.events()
    # The last line of a partition says where to go on, so it stays.
    known = {_numbered(json.loads(line.split("\t")[-1])["data"]): line for line in lines}
    kept = {line.split("\t")[0]: line for line in lines}.values()
    customer, sequence = next(
        (customer, sequence)
        for customer, sequence in (_numbered(json.loads(event)) for event in events)
        if (customer, sequence) not in known
        and (customer, sequence - 1) in known
        and known[customer, sequence - 1] not in kept
    )
    program.output.write_text("".join(line for line in lines if line != known[customer, sequence - 1]))
    process = program.start()
    try:
        wait_until(lambda: len(program.lines()) >= len(events) - 1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    _, error = process.communicate()
    said = f"customer {customer}: change {sequence} follows {sequence - 2}, those between are missing"
    assert [line for line in error.splitlines() if "missing" in line] == [said]


def _numbered(data: dict[str, Any]) -> tuple[str, int]:
    return data["customer_id"], data["sequence"]
