"""A public class has a name of its own: a reader who meets the name need not look up which one is meant."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("segue", "dashboard", "sim", "services", "stream_app", "batch", "producers", "data", "models", "runtime")
#: Names that several modules give to one thing each, and why they may.
FAMILIES: dict[str, str] = {}


def modules_by_class() -> dict[str, list[str]]:
    """The modules that define a public class, by its name."""
    found = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for name in public_classes(path.read_text()):
                found[name].append(path.relative_to(ROOT).as_posix())
    return found


def public_classes(source: str) -> list[str]:
    """The public classes that a module defines."""
    body = ast.parse(source).body
    return [node.name for node in body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]


def test_every_public_class_has_a_name_of_its_own() -> None:
    found = modules_by_class()
    shared = {name: modules for name, modules in found.items() if len(modules) > 1 and name not in FAMILIES}
    assert shared == {}, "name each class after its subject, or add the name to FAMILIES with a reason"
    assert len(found) > 500


def test_the_table_has_no_family_that_is_gone() -> None:
    assert [name for name in FAMILIES if len(modules_by_class().get(name, [])) < 2] == []


def test_a_private_or_inner_class_is_not_public() -> None:
    assert public_classes("class Outer:\n    class Inner: ...\nclass _Own: ...\nOuter = 1") == ["Outer"]
