"""The result of a run without any trouble, against which other runs are compared."""

from dataclasses import dataclass
from typing import Any

from segue.local.soak.outcome import Rows


@dataclass(frozen=True)
class Undisturbed:
    """The rows in Postgres, the data of every event in the change topic, and the latest state of every customer."""

    rows: dict[str, Rows]
    topic: list[dict[str, Any]]
    states: dict[str, dict[str, Any]]
