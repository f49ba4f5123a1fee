"""Dead letters as a table."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from runtime.readable import one_line
from segue.cli.console import output, table


class ListedLetter(NamedTuple):
    """What a list shows of a dead letter; ``size`` is that of its value, in bytes."""

    id: str
    at: datetime
    key: bytes | None
    size: int
    reason: str


def print_newest(letters: Iterable[ListedLetter]) -> None:
    """Print the newest dead letters."""
    rows = [
        [each.id, f"{each.at:%Y-%m-%d %H:%M:%S}", one_line(each.key), f"{each.size:,}", each.reason] for each in letters
    ]
    output.print(table("The newest", ["id", "since", "key", "bytes", "reason"], rows))
