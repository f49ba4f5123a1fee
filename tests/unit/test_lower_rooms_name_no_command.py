"""Errors of lower packages name no command, option or variable: the command line adds them (decision 0019)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("runtime", "models", "data", "batch", "producers", "stream_app")
_COMMAND = re.compile(r"\bsegue [a-z]+|(?<![\w-])--[a-z][a-z-]+|\bSEGUE_[A-Z]\w*")
# Decision 0019 gives the reason for each of them.
ALLOWED = {
    "runtime/settings.py": re.compile(r"SEGUE_"),
    "runtime/settings_sources.py": re.compile(r"SEGUE_"),
    "stream_app/core/bounds.py": re.compile(r"SEGUE_MAX_AHEAD"),
    "stream_app/core/control.py": re.compile(r"SEGUE_CONTROL_KEY"),
}


def texts(node: ast.AST) -> Iterator[str]:
    """The parts of all texts below a node."""
    return (each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str))


def is_error(node: ast.AST) -> bool:
    """Whether a node raises, or makes an error that its caller raises."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        return name.endswith("Error")
    return isinstance(node, ast.Raise)


def named(source: str) -> set[str]:
    """The commands, options and variables in the errors of a module."""
    errors = (node for node in ast.walk(ast.parse(source)) if is_error(node))
    return {found for node in errors for text in texts(node) for found in _COMMAND.findall(text)}


def allowed(path: str, found: str) -> bool:
    if path.startswith("data/datasets/"):
        return found == "--set"
    return path in ALLOWED and ALLOWED[path].match(found) is not None


@pytest.mark.parametrize("room", ROOMS)
def test_errors_of_a_lower_package_name_no_command_option_or_variable(room: str) -> None:
    paths = {file.relative_to(ROOT).as_posix(): file for file in sorted((ROOT / room).rglob("*.py"))}
    assert paths
    found = {
        path: {name for name in named(file.read_text()) if not allowed(path, name)} for path, file in paths.items()
    }
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('raise PastError("run `segue prune`")', {"segue prune"}),
        ('raise FitError(f"{name} is empty (--no-rank-order)")', {"--no-rank-order"}),
        ('def missing(): return NotFoundError(f"set {name} in SEGUE_CURRENCY")', {"SEGUE_CURRENCY"}),
        ('"""`segue fit` calls this."""\nraise FitError("no profile is left")', set()),
    ],
)
def test_a_command_is_found_in_errors_only(source: str, expected: set[str]) -> None:
    assert named(source) == expected
