"""What the image is made of, checked without Docker."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FIRST_STAGE, LAST_STAGE = re.split(r"^(?=FROM )", DOCKERFILE, flags=re.MULTILINE)[1:]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ALLOWED = {
    rule.removeprefix("!").rstrip("/")
    for rule in (ROOT / ".dockerignore").read_text().splitlines()
    if rule.startswith("!")
}


def packages() -> set[str]:
    """The folders that the project's wheel is made of."""
    return {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}


def test_the_build_gets_every_package_and_nothing_but_what_a_wheel_is_made_of() -> None:
    assert packages() | {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"} == ALLOWED


def test_everything_that_the_build_gets_exists() -> None:
    assert [name for name in sorted(ALLOWED) if not (ROOT / name).exists()] == []


def test_the_base_image_is_pinned_and_new_enough_for_the_project() -> None:
    pinned = re.search(r"^ARG PYTHON=(\d+)\.(\d+)-slim-[a-z]+$", DOCKERFILE, re.MULTILINE)
    assert pinned
    assert PROJECT["project"]["requires-python"] == f">={pinned[1]}.{pinned[2]}"
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:${PYTHON}"] * 2


def test_wheels_are_built_under_the_constraints_in_a_stage_of_their_own() -> None:
    assert "--constraint constraints.txt" in FIRST_STAGE
    assert "pip wheel" not in LAST_STAGE
    assert "COPY" not in LAST_STAGE


def requirements(extras: str) -> str:
    """What the first stage installs for a value of the build argument EXTRAS."""
    program = re.search(r'^RUN python -c "(.*?)" > requirements', DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert program
    command = [sys.executable, "-c", program[1].replace("\\\n", "")]
    done = subprocess.run(command, cwd=ROOT, env={"EXTRAS": extras}, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_image_can_run_every_service_by_default() -> None:
    default = re.search(r"^ARG EXTRAS=(.+)$", FIRST_STAGE, re.MULTILINE)
    assert default
    wanted = [PROJECT["project"]["dependencies"]]
    wanted += [PROJECT["project"]["optional-dependencies"][extra] for extra in ("worker", "dashboard", "batch")]
    assert requirements(default[1]).split() == [requirement for each in wanted for requirement in each]


def test_an_image_of_a_worker_has_no_dashboard() -> None:
    installed = requirements("worker")
    assert "faust-streaming" in installed
    assert "streamlit" not in installed
    assert "pandas" not in installed


def test_the_image_installs_without_the_network_and_keeps_no_cache() -> None:
    installs = re.findall(r"pip install ([^&\n]*)", LAST_STAGE)
    assert installs
    assert all("--no-index" in options and "--no-cache-dir" in options for options in installs)
    assert "apt-get" not in LAST_STAGE


def test_segue_runs_as_a_user_without_rights() -> None:
    [user] = re.findall(r"^USER (\d+)$", LAST_STAGE, re.MULTILINE)
    assert int(user) > 0
    assert LAST_STAGE.index(f"--uid {user} ") < LAST_STAGE.index("USER") < LAST_STAGE.index("ENTRYPOINT")


def test_the_image_is_the_segue_command() -> None:
    assert LAST_STAGE.rstrip().endswith('ENTRYPOINT ["segue"]')
    assert "segue" in PROJECT["project"]["scripts"]


def test_files_that_are_not_python_go_into_the_wheel_too() -> None:
    needed, declared = set(), set()
    for package in packages():
        files = {path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        needed |= {path for path in files if path.suffix not in {".py", ".pyc"}}
        for pattern in PROJECT["tool"]["setuptools"]["package-data"].get(package, []):
            declared |= set((ROOT / package).glob(pattern))
    assert sorted(str(path.relative_to(ROOT)) for path in needed - declared) == []
