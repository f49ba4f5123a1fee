"""The list of a customer's changes of risk state. Pure."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dashboard.shared import elements, rhythm_words, style
from dashboard.shared.literal import escape
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
    move = f'{_state(row["from_state"])}<span class="sg-arrow">→</span>{_state(row["to_state"])}'
    return (
        f'<tr data-risk-change="{row["sequence"]}"><td class="sg-when">{elements.exact(row["effective_at"])}</td>'
        f'<td class="sg-when">{row["sequence"]:,}</td><td>{move}</td><td>{cause}{invoice}</td></tr>'
    )


def _state(state: str) -> str:
    """A risk state after a dot of its colour."""
    if not state:
        return style.NOTHING
    # A later version of Segue may have stored a state that this one has no words for.
    names: Mapping[str, str] = dict(rhythm_words.STATES.items())
    colours: Mapping[str, str] = dict(rhythm_words.COLOURS.items())
    colour = colours.get(state, OTHER_CAUSE)
    return f'<span class="sg-dot" style="--persona:{colour}">{escape(names.get(state, state))}</span>'
