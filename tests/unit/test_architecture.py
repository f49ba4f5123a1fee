"""The pages about the code name files and functions that exist."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
PAGES = [
    ARCHITECTURE,
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs" / "mechanisms").glob("*.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
LONGEST = 150
# A path in lower case; a placeholder is written in upper case: `dashboard/NAME/page.py`.
_FILE = re.compile(r"`([a-z0-9_./-]+\.(?:py|yaml|yml|toml|css|md))`")
# A name with a call's brackets is a function of ours; the names of libraries are written without them.
_CALL = re.compile(r"`([A-Za-z_]\w*(?:\.\w+)?)\(\)`")
# A name with its file behind it in brackets, and a member of a class.
_PLACED = re.compile(r"`([A-Za-z_][\w.]*)(?:\(\))?` \(`([a-z0-9_./-]+\.py)`")
_MEMBER = re.compile(r"`([A-Z]\w+)\.(\w+)`")
_ITEM = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=\|)")


@cache
def tracked() -> frozenset[str]:
    """The paths of all files in the repository."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return frozenset(listed.splitlines())


def resolved(name: str) -> list[str]:
    """The files that a page means: one by its path from the root, or all that have a bare name."""
    if name in tracked() or (ROOT / name).is_file():
        return [name]
    return [path for path in sorted(tracked()) if "/" not in name and path.endswith(f"/{name}")]


@cache
def defined(path: str) -> frozenset[str]:
    """What a module defines: functions, classes, constants, and members of classes with and without their class."""
    if not path.endswith(".py"):
        return frozenset()
    module = ast.parse((ROOT / path).read_text())
    names = {name for node in module.body for name in bound(node)}
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            members = {name for member in node.body for name in bound(member)}
            names |= {node.name, *members, *(f"{node.name}.{name}" for name in members)}
    return frozenset(names)


def bound(node: ast.stmt) -> list[str]:
    """The names that a statement of a module or a class gives a meaning to."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def unknown(text: str) -> list[str]:
    """The files in a text that do not exist, and the functions that no file beside them defines.

    A function belongs to the files of its own paragraph, list item or table row; where that names none, to those of
    the whole text.
    """
    everywhere = _FILE.findall(text)
    missing = [name for name in everywhere if not resolved(name)]
    for name, file in _PLACED.findall(text):
        if not any(name in defined(path) for path in resolved(file)):
            missing.append(f"{name} in {file}")
    of_page = {name for file in everywhere for path in resolved(file) for name in defined(path)}
    for owner, member in _MEMBER.findall(text):
        if owner in of_page and f"{owner}.{member}" not in of_page:
            missing.append(f"{owner}.{member}")
    for item in _ITEM.split(text):
        files = [path for name in _FILE.findall(item) or everywhere for path in resolved(name)]
        names = {name for path in files for name in defined(path)}
        missing += [f"{call}()" for call in _CALL.findall(item) if call not in names]
    return missing


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_the_files_and_functions_that_a_page_names_exist(page: Path) -> None:
    assert unknown(page.read_text()) == []


def test_a_file_or_a_function_that_does_not_exist_is_found() -> None:
    text = "1. `assign()` in `models/scoring.py`\n2. `assign()` in `models/decay.py`\n3. `models/gone.py`"
    assert unknown(text) == ["models/gone.py", "assign()"]


def test_a_name_is_looked_up_in_the_file_behind_it() -> None:
    text = "`nearest` (`models/scoring.py`) and `next_change` (`models/scoring.py`)"
    assert unknown(text) == ["next_change in models/scoring.py"]


def test_a_method_is_looked_up_in_its_class() -> None:
    text = "`Relay.offer()`, `Relay.close`, `Relay.gone` and `Relay.nothing()` in `stream_app/outbox/relay.py`"
    assert unknown(text) == ["Relay.gone", "Relay.nothing()"]


def test_the_trace_of_a_transaction_ends_where_a_segment_is_decided() -> None:
    first, *_ = re.findall(r"(?:^\d+\. .+\n(?: {3}.+\n)*)+", ARCHITECTURE.read_text(), re.MULTILINE)
    steps = re.findall(r"^\d+\. .+(?:\n {3}.+)*", first, re.MULTILINE)
    assert len(steps) == 10
    assert all(_FILE.search(step) and _CALL.search(step) for step in steps)
    assert "`models/scoring.py`" in steps[-1]
    assert "`nearest()`" in steps[-1]


def test_the_page_is_short() -> None:
    assert len(ARCHITECTURE.read_text().splitlines()) < LONGEST


def test_the_page_names_every_top_level_package() -> None:
    packages = {path.split("/")[0] for path in tracked() if path.endswith("/__init__.py") and path.count("/") == 1}
    text = ARCHITECTURE.read_text()
    assert {package for package in packages - {"tests"} if f"{package}/" not in text} == set()
