"""The list of a customer's changes of risk state. Pure."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dashboard.shared import elements, rhythm_text
from dashboard.shared.literal import escape
from dashboard.shared.personas import NEW_CUSTOMER
from dashboard.shared.plotting import OTHER_CAUSE


def past(changes: pd.DataFrame) -> str:
    """The changes, the newest first, with their exact event times."""
    rows = "".join(_change(row) for row in changes.to_dict("records"))
    head = "<tr><th>Event time</th><th>No.</th><th>Move</th><th>Cause</th></tr>"
    return f'<table class="sg-changes sg-past sg-risk-past"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _change(row: dict[Any, Any]) -> str:
    invoice = f'<span class="sg-when"> {escape(row["transaction_id"])}</span>' if row["transaction_id"] else ""
    # Silence is what time alone means for a risk state.
    cause = elements.cause_label("decay" if row["cause"] == "silence" else row["cause"])
    before, after = (_state(row[end]) or escape(_no_state(row)) for end in ("from_state", "to_state"))
    move = f'{before}<span class="sg-arrow">→</span>{after}'
    return (
        f'<tr data-risk-change="{row["sequence"]}"><td class="sg-when">{elements.exact(row["effective_at"])}</td>'
        f'<td class="sg-when">{row["sequence"]:,}</td><td>{move}</td><td>{cause}{invoice}</td></tr>'
    )


def _no_state(row: dict[Any, Any]) -> str:
    """Why a customer was in no risk state at one end of a change."""
    if row["cause"] == "model":
        return "Without predictions"
    return NEW_CUSTOMER.name if row["sequence"] == 1 else "Without orders"


def _state(state: str) -> str:
    """A risk state after a dot of its colour; empty for none."""
    if not state:
        return ""
    # A later version of Segue may have stored a state that this one has no words for.
    names: Mapping[str, str] = dict(rhythm_text.STATES.items())
    colours: Mapping[str, str] = dict(rhythm_text.COLOURS.items())
    colour = colours.get(state, OTHER_CAUSE)
    return f'<span class="sg-dot" style="--persona:{colour}">{escape(names.get(state, state))}</span>'
