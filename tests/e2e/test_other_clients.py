"""The commands and programs of docs/subscribing.md work: kcat, Java and webhooks."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from data.datasets.dataset import Dataset
from models.segment_model import SegmentModel
from segue.local.apache.java import classpath, java
from tests.support.brokers import APACHE, BOTH_BROKERS
from tests.support.documented import block, blocks
from tests.support.local_stack import Local, local, wait_until
from tests.support.sections import section
from tests.support.webhook_process import WebhookProcess, webhook_environment
from tests.support.webhook_receiver import Receiver

PAGE = "docs/subscribing.md"
PART = 800
STEP = 200
_LACKING = [name for name in ("kcat", "jq") if shutil.which(name) is None]

needs_kcat = pytest.mark.skipif(bool(_LACKING), reason=f"there is no {' and no '.join(_LACKING)} on this machine")

Changes = set[tuple[str, int]]


@pytest.fixture(scope="module", params=BOTH_BROKERS)
def run(
    request: pytest.FixtureRequest, dataset: Dataset, model: SegmentModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Local]:
    """A stack that has replayed the first transactions."""
    with local(tmp_path_factory.mktemp("clients"), model, broker=request.param) as running:
        running.replay(dataset, section(dataset, 0, PART))
        yield running


def _changes(run: Local) -> Changes:
    return {(change["customer_id"], change["sequence"]) for change in run.topic()}


def _kcat(run: Local, about: str) -> str:
    shown = [each.text for each in blocks(PAGE) if each.language == "sh"]
    [command] = [line for text in shown for line in text.splitlines() if about in line]
    return command.replace("127.0.0.1:9092", run.settings.brokers.servers)


class Lines:
    """A shell command, and the lines that it has written so far."""

    def __init__(self, command: str) -> None:
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec 2>&1; {command}"], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.lines: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        # A process that is killed in the middle of a line leaves half of it.
        self.lines.extend(line for line in iter(self._process.stdout.readline, "") if line.endswith("\n"))

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *error: object) -> None:
        subprocess.run(["kill", "--", f"-{self._process.pid}"], check=False, capture_output=True)
        self._process.wait()


@needs_kcat
def test_kcat_reads_every_change_with_its_customer_before_it(run: Local) -> None:
    expected = _changes(run)
    with Lines(_kcat(run, "-f '%k %s")) as kcat:
        wait_until(lambda: sum(line[0].isdigit() for line in kcat.lines) >= len(expected))
    events = [line.split(" ", 1) for line in kcat.lines if line[0].isdigit()]
    read = [(key, json.loads(event)["data"]) for key, event in events]
    assert all(key == data["customer_id"] for key, data in read)
    assert {(key, data["sequence"]) for key, data in read} == expected


@needs_kcat
def test_kcat_reads_the_segment_of_every_customer_and_ends(run: Local) -> None:
    latest = {change["customer_id"]: change["to"]["id"] for change in run.topic()}
    result = subprocess.run(
        ["bash", "-c", _kcat(run, "customer-segments")], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert dict(json.loads(line) for line in result.stdout.splitlines()) == latest


@needs_kcat
def test_kcat_reports_who_has_just_entered_a_segment(run: Local, dataset: Dataset) -> None:
    before = _changes(run)
    segment = run.topic()[-1]["to"]["id"]
    with Lines(_kcat(run, "-o end -q -u |").replace("hibernating", segment)) as kcat:
        # kcat may have started after the first changes.
        for start in range(PART, 4 * PART, STEP):
            run.replay(dataset, section(dataset, start, start + STEP))
            if len(kcat.lines) > 3:
                break
        wait_until(lambda: len(kcat.lines) > 3)
    reported = [json.loads(line) for line in kcat.lines]
    assert {change["to"]["id"] for change in reported} == {segment}
    assert {(change["customer_id"], change["sequence"]) for change in reported} <= _changes(run) - before


@needs_kcat
def test_kcat_chooses_by_headers(run: Local) -> None:
    changes = run.topic()
    segment = changes[-1]["to"]["id"]
    expected = sorted(change["customer_id"] for change in changes if change["to"]["id"] == segment)
    command = _kcat(run, "%k %h").replace("hibernating", segment).replace("-o end -q -u", "-o beginning -e -q")
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert sorted(line.split(" ")[0] for line in result.stdout.splitlines()) == expected


@needs_kcat
@pytest.mark.parametrize("run", [pytest.param("apache", marks=APACHE)], indirect=True)
def test_timestamps_say_when_a_change_was_published(run: Local) -> None:
    expected = len(_changes(run))
    since = _kcat(run, "-o s@")
    # All events are of 2009 to 2011, and the first command asks for 2010.
    for moment, found in ((1262304000000, expected), (4102444800000, 0)):
        command = since.replace("1262304000000", str(moment))
        result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300, check=False)
        assert len(result.stdout.splitlines()) == found


@needs_kcat
def test_the_commands_may_be_started_before_the_first_change(
    model: SegmentModel, dataset: Dataset, tmp_path: Path
) -> None:
    with local(tmp_path, model) as run:
        command = f"set -o pipefail; {_kcat(run, 'customer-segments')}"
        states = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300, check=False)
        assert (states.returncode, states.stdout, states.stderr) == (0, "", "")
        by_value = _kcat(run, "-o end -q -u |").replace('== "hibernating"', '!= "none"')
        by_headers = _kcat(run, "%k %h").replace(",to=hibernating,", ",to=")
        with Lines(_kcat(run, "-f '%k %s")) as every, Lines(by_value) as chosen, Lines(by_headers) as headers:
            # kcat may start after the first changes.
            for start in range(0, 4 * PART, STEP):
                run.replay(dataset, section(dataset, start, start + STEP))
                if chosen.lines and headers.lines:
                    break
            wait_until(lambda: bool(chosen.lines and headers.lines))
            wait_until(lambda: {line.split(" ")[0] for line in every.lines} >= {who for who, _ in _changes(run)})
        assert json.loads(chosen.lines[0])["to"]["id"]
        assert ",cause=" in headers.lines[0]


@pytest.mark.parametrize("run", [pytest.param("apache", marks=APACHE)], indirect=True)
def test_java_reads_every_change_with_the_settings_of_the_page(run: Local, tmp_path: Path) -> None:
    settings = tmp_path / "consumer.properties"
    settings.write_text(
        block(PAGE, "bootstrap.servers", "properties").text.replace("127.0.0.1:9092", run.settings.brokers.servers)
    )
    program = Path(__file__).with_name("ReadChanges.java")
    command = [java(), "-cp", classpath(), str(program), str(settings)]
    result = subprocess.run(
        [*command, run.settings.changes_topic], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    lines = [line.split(" ", 2) for line in result.stdout.splitlines()]
    read = [(key, json.loads(value)["data"]["sequence"]) for _, key, value in lines]
    assert len(read) == len(set(read))
    assert set(read) == _changes(run)


def test_webhooks_send_every_change_once(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    with WebhookProcess(webhook_environment(run, receiver, "everything"), tmp_path, "--from-beginning") as webhook:
        expected = {f"{customer}:{sequence}" for customer, sequence in _changes(run)}
        wait_until(lambda: len(receiver.ids()) >= len(expected))
        assert webhook.interrupt() == 0
    receiver.stop()
    assert sorted(receiver.ids()) == sorted(expected)
