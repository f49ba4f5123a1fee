"""No test replaces what belongs to the project: a test gives the code a fake as an argument."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
FILES = sorted(TESTS.rglob("*.py"))
OWN = {path.parent.name for path in ROOT.glob("*/*.py")} - {"tests"}
#: Calls that replace something; the first argument says in what, or is the full name of what is replaced.
FUNCTIONS = {"setattr", "delattr", "patch"}
METHODS = {*FUNCTIONS, "setitem", "delitem", "object", "dict", "multiple"}

_PLANTED = "a fault that is planted in the code; with a process for each, as in sim.mutation, finding it costs far more"
_IMPOSSIBLE = "a fault that is planted in the code: no history has an event that the table of transitions does not have"
_PAGE = "Streamlit runs a page from its source, and a list that is longer than its file has 200,000 rows"
#: What tests replace nevertheless, and why no argument can take its place.
EXCEPTIONS = {
    ("integration/sim/test_histories.py", "stream_app.storage.statements"): _PLANTED,
    ("integration/sim/test_histories.py", "stream_app.outbox.topic_end"): _PLANTED,
    ("integration/sim/test_histories.py", "stream_app.outbox.catch_up.CatchUp"): _PLANTED,
    ("integration/sim/test_lives.py", "stream_app.partition_life.TRANSITIONS"): _IMPOSSIBLE,
    ("integration/dashboard/test_files_of_lists.py", "dashboard.shared.downloads"): _PAGE,
}


class Replaced(NamedTuple):
    """Something of the project that a file of tests replaces."""

    file: str
    what: str


def replaced(file: str, source: str) -> Iterator[Replaced]:
    """What a file replaces in the project's modules and in what they define; private attributes of other objects."""
    nodes = [*ast.walk(ast.parse(source))]
    own = own_names(nodes)
    for node in nodes:
        for place in _places(node):
            if (what := _full_name(place, own)) is not None:
                yield Replaced(file, what)
        if (private := _private_attribute(node)) is not None:
            yield Replaced(file, private)


def own_names(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """The full names of what a file imports from the project, by the names that it has in the file."""
    names: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            found = {each.asname or each.name.partition(".")[0]: each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found = {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        else:
            continue
        names |= {name: full for name, full in found.items() if _is_own(full)}
    return names


def _is_own(name: str) -> bool:
    return name.partition(".")[0] in OWN


def _places(node: ast.AST) -> Iterator[ast.expr]:
    """Where a statement or a call replaces something."""
    if isinstance(node, ast.Call):
        yield from _called_with(node)
        return
    targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [getattr(node, "target", None)]
    yield from (each.value for each in targets if isinstance(each, ast.Attribute | ast.Subscript))


def _called_with(call: ast.Call) -> Iterable[ast.expr]:
    """The argument of a call that replaces something in it, also of ``vars(argument).update(...)``."""
    called = call.func
    if not isinstance(called, ast.Attribute):
        return call.args[:1] if isinstance(called, ast.Name) and called.id in FUNCTIONS else ()
    if called.attr == "update" and isinstance(called.value, ast.Call):
        return called.value.args[:1]
    return call.args[:1] if called.attr in METHODS else ()


def _private_attribute(node: ast.AST) -> str | None:
    """The private attribute of another object that is assigned to."""
    if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
        return None
    is_private = node.attr.startswith("_") and not node.attr.endswith("__")
    is_mine = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
    return ast.unparse(node) if is_private and not is_mine else None


def _full_name(place: ast.expr, own: dict[str, str]) -> str | None:
    """The full name of a place if it belongs to the project."""
    if isinstance(place, ast.Constant):
        return str(place.value).rpartition(".")[0] if isinstance(place.value, str) and _is_own(place.value) else None
    parts = []
    while isinstance(place, ast.Attribute | ast.Subscript):
        parts.append(place.attr if isinstance(place, ast.Attribute) else "[]")
        place = place.value
    if not isinstance(place, ast.Name) or place.id not in own:
        return None
    return ".".join([own[place.id], *reversed(parts)])


@pytest.mark.slow
def test_no_test_replaces_what_belongs_to_the_project() -> None:
    assert len(FILES) > 500
    assert {"segue", "runtime", "data", "stream_app", "dashboard", "benchmarks"} <= OWN
    found = {each for file in FILES for each in replaced(str(file.relative_to(TESTS)), file.read_text())}
    assert found == {*EXCEPTIONS}


@pytest.mark.parametrize(
    "source",
    [
        "from stream_app.outbox import relay\nmonkeypatch.setattr(relay, 'Outbox', fake)",
        "from stream_app.outbox.relay import Relay\nmonkeypatch.setattr(Relay, 'close', fake)",
        "from stream_app.outbox.relay import Relay as Publishing\nPublishing.close = fake",
        "import stream_app.outbox.relay\nmonkeypatch.delattr(stream_app.outbox.relay, 'Outbox')",
        "import stream_app.outbox.relay as relay\nrelay.MOST_ROWS = 3",
        "from stream_app.outbox import relay\nrelay.MOST_ROWS += 3",
        "from stream_app.outbox import relay\nvars(relay).update(MOST_ROWS=3)",
        "from stream_app.partition_life import TRANSITIONS\nmonkeypatch.setitem(TRANSITIONS, state, {})",
        "from stream_app.partition_life import TRANSITIONS\ndel TRANSITIONS[state][event]",
        "monkeypatch.setattr('stream_app.outbox.relay.Outbox', fake)",
        "with patch('stream_app.outbox.relay.Outbox'): pass",
        "from stream_app.outbox import relay\nwith mock.patch.object(relay, 'Outbox'): pass",
        "from stream_app.partition_life import TRANSITIONS\nwith patch.dict(TRANSITIONS, {}): pass",
        "from stream_app.outbox import relay\nsetattr(relay, 'Outbox', fake)",
    ],
)
def test_what_is_replaced_is_found(source: str) -> None:
    assert [each.what.partition(".")[0] for each in replaced("a test", source)] == ["stream_app"]


@pytest.mark.parametrize(
    "source",
    [
        "import time\nmonkeypatch.setattr(time, 'sleep', fake)",
        "monkeypatch.setattr('apprise.Apprise.notify', fake)",
        "from stream_app.outbox.relay import Relay\nrelay = Relay(fake)\nrelay.published = 3",
        "from tests.support.worker import Worker\nmonkeypatch.setattr(Worker, 'close', fake)",
        "monkeypatch.setenv('SEGUE_STATE_DIR', folder)",
        "from stream_app.partition_life import TRANSITIONS\nfound = dict(TRANSITIONS)",
    ],
)
def test_what_belongs_to_others_may_be_replaced(source: str) -> None:
    assert [*replaced("a test", source)] == []


def test_a_private_attribute_that_a_test_assigns_to_is_found() -> None:
    source = "webhook._held_out = fake\nself._mine = 1\nerror.__cause__ = other\nself.relay._outbox = fake"
    assert [each.what for each in replaced("a test", source)] == ["webhook._held_out", "self.relay._outbox"]


def test_every_exception_has_a_reason() -> None:
    assert all(reason.strip() for reason in EXCEPTIONS.values())
