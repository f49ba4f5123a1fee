"""The life of a partition in docs/mechanisms/progress.md: ``python -m stream_app.partition_life_page`` writes it there.

Diagram and table are made from ``partition_life.py``.
"""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from stream_app.partition_life import TRANSITIONS, State

PAGE = Path(__file__).parents[1] / "docs" / "mechanisms" / "progress.md"
REGENERATE = "python -m stream_app.partition_life_page"
_BEGIN = f"<!-- {REGENERATE} writes what follows -->\n"
_END = "<!-- end of the life of a partition -->\n"


def section() -> str:
    """The diagram of all transitions, and the table of all states."""
    return "\n".join(["", "```mermaid", *_diagram(), "```", "", *_table(), "", ""])


def page(text: str) -> str:
    """The page with the section as it must be, made from its text now."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{section()}{_END}{after}"


def _diagram() -> Iterator[str]:
    yield "stateDiagram-v2"
    for state in State:
        yield f"    {state.name}: {state}"
    yield f"    [*] --> {State.ASSIGNED.name}"
    for before, events in TRANSITIONS.items():
        for event, after in events.items():
            yield f"    {before.name} --> {after.name}: {event}"
    yield f"    {State.ENDED.name} --> [*]"


def _table() -> Iterator[str]:
    meanings = _meanings()
    yield "| state | meaning | holds the claim | takes records, publishes | applies |"
    yield "|---|---|---|---|---|"
    for state in State:
        rights = (state.holds_claim, state.is_claimed, state.applies)
        yield f"| {state} | {meanings[state.name]} | {' | '.join('yes' if right else '' for right in rights)} |"


def _meanings() -> dict[str, str]:
    """What stands below each state in the source."""
    (definition,) = ast.parse(inspect.getsource(State)).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    return {
        named.targets[0].id: ast.literal_eval(text.value)
        for named, text in pairwise(body)
        if isinstance(named, ast.Assign) and isinstance(named.targets[0], ast.Name) and isinstance(text, ast.Expr)
    }


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
