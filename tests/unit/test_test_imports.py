"""Tests share code through ``tests.support`` alone: no test imports another test or a ``conftest``."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))


def imported_modules(source: str) -> Iterator[str]:
    """The full name of every imported module; for ``from package import name`` also ``package.name``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_allowed(module: str) -> bool:
    outside = module != "tests" and not module.startswith(("tests.", ".", "conftest"))
    return outside or module.startswith("tests.support.")


def test_no_test_imports_another_test() -> None:
    imports = {str(file.relative_to(TESTS)): imported_modules(file.read_text()) for file in FILES}
    assert len(imports) > 500
    assert {name: bad for name, of in imports.items() if (bad := [each for each in of if not is_allowed(each)])} == {}


@pytest.mark.parametrize(
    "source",
    ["from tests.unit.test_docs import ROOT", "import tests.e2e.conftest", "from tests import e2e", "from . import x"],
)
def test_an_import_of_a_test_is_found(source: str) -> None:
    assert not all(map(is_allowed, imported_modules(source)))
