"""What a worker is in the middle of, as its statements show it."""

from typing import Any

from stream_app.storage import risk_statements
from stream_app.storage import statements as sql

#: The phase of :data:`sim.faults.PHASES` that a statement begins, and for how many seconds.
_BEGUN_BY = {
    sql.CLAIM: ("claiming", 0.1),
    sql.DUE_PROFILES: ("decaying in slices", 0.03),
    risk_statements.DUE_PROFILES: ("decaying in slices", 0.03),
    risk_statements.DUE_BY_RISK_PROFILES: ("decaying in slices", 0.03),
    sql.OUTDATED_PROFILES: ("rescoring", 0.03),
    risk_statements.OUTDATED_PROFILES: ("rescoring", 0.03),
    sql.CHANGE_AT: ("looking for the last published change", 0.1),
    sql.SAVE_FAILURE: ("failing", 0.3),
    sql.CONTINUE_IN_LOG: ("reading another log", 0.5),
    sql.ERASE: ("forgetting", 0.05),
    sql.ADD_ACTIVATION: ("activating a model", 0.05),
}
_CATCHING_UP = ("catching up", 0.3)
_CAUGHT_UP = ("caught up", 1.0)


def begun_by(query: Any, parameters: Any, rows: int) -> tuple[str, float] | None:
    """The phase that a statement begins, and for how many seconds; None if it begins none.

    ``rows`` is the number of rows that it has read or written.
    """
    if query == sql.SAVE_CHANGES_AHEAD:
        return None if not rows else _CATCHING_UP if parameters["changes"] else _CAUGHT_UP
    return _BEGUN_BY.get(query)
