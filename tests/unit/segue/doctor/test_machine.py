import pytest

from segue.doctor import machine
from segue.doctor.machine import Requirement

GB = 1 << 30


@pytest.mark.parametrize(("version", "level"), [((3, 10, 14), "problem"), ((3, 11, 0), "ok"), ((3, 14, 1), "ok")])
def test_python_must_be_new_enough(version: tuple[int, int, int], level: str) -> None:
    assert machine.python(version).level == level


def test_a_requirement_is_read_with_its_bounds_and_its_extra() -> None:
    found = machine.requirement('faust-streaming<0.16,>=0.15; extra == "worker"')
    assert found == Requirement("faust-streaming", (("<", "0.16"), (">=", "0.15")), True)
    assert machine.requirement('segue[worker]; extra == "local"') is None


@pytest.mark.parametrize(
    ("installed", "level", "text"),
    [
        ({"aiokafka": "0.14.3", "faust": None}, "ok", "1 required packages"),
        ({"aiokafka": "0.15.0", "faust": None}, "problem", "outside its bounds: aiokafka 0.15.0 (>=0.14,<0.15)"),
        ({"aiokafka": "0.13.9", "faust": "1.0"}, "problem", "aiokafka 0.13.9"),
        ({"aiokafka": None, "faust": None}, "problem", "not installed: aiokafka"),
        ({"aiokafka": "0.14", "faust": "0.9.dev1"}, "problem", "faust 0.9.dev1"),
    ],
)
def test_packages_must_be_within_their_bounds(installed: dict[str, str | None], level: str, text: str) -> None:
    bounds = (
        Requirement("aiokafka", ((">=", "0.14"), ("<", "0.15")), optional=False),
        Requirement("faust", ((">=", "1"),), optional=True),
    )
    found = machine.packages(bounds, installed)
    assert found.level == level
    assert text in found.text


def test_a_mistyped_setting_is_reported() -> None:
    known = {"SEGUE_BATCH_SIZE", "SEGUE_STATE_DIR"}
    assert machine.unknown_settings(["HOME", "SEGUE_BATCH_SIZE"], known).level == "ok"
    found = machine.unknown_settings(["SEGUE_BATCHSIZE", "SEGUE_STATE_DIR"], known)
    assert (found.level, found.text) == ("warning", "unknown: SEGUE_BATCHSIZE")


@pytest.mark.parametrize(("free", "level"), [(0.5, "problem"), (2, "warning"), (50, "ok")])
def test_a_full_disk_is_a_problem_before_it_is_full(free: float, level: str) -> None:
    assert machine.disk(int(free * GB), 100 * GB, "/x").level == level


@pytest.mark.parametrize(
    ("mode", "is_root", "level"),
    [(None, False, "ok"), (0o40700, False, "ok"), (0o40755, False, "warning"), (0o40710, True, "ok")],
)
def test_a_state_folder_that_others_can_open_is_reported(mode: int | None, is_root: bool, level: str) -> None:
    assert machine.state_folder(mode, is_root, "/x").level == level


def test_a_missing_java_is_a_warning_because_only_the_local_kafka_needs_it() -> None:
    assert machine.java(None).level == "ok"
    assert machine.java("no Java").level == "warning"


def test_the_connections_are_shown_and_a_missing_one_is_a_problem() -> None:
    assert machine.connections(None, "postgresql://x", "no stack is running").level == "problem"
    assert "no stack" in machine.connections("kafka:9092", "postgresql://x", "no stack is running").text
