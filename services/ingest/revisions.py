"""What a record says about an edit of an order. Pure."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import msgspec

from data.contract import wire
from data.contract.bounds import MOST_REVISION
from data.datasets.cells import shown
from data.datasets.dates import Moments
from services.ingest.json_values import Number, cell

# A time without a zone is read as if it were UTC: what counts is that a later edit has a later one.
_MOMENTS = Moments("iso", day_first=False, zone=UTC)


def revision_of(value: Any) -> int:
    """The revision that a version number or the time of an edit is: the number itself, or microseconds since 1970.

    Parameters
    ----------
    value
        The value of the field; a blank one, as in an order that was never edited, is revision 0.

    Raises
    ------
    ValueError
        If it is neither a whole number nor a time that begins with the year, or too large.

    Examples
    --------
    >>> revision_of(Number("3")), revision_of("1970-01-01T00:00:01Z"), revision_of(None)
    (3, 1000000, 0)
    """
    text = (cell(value) or "").strip()
    if not text:
        return 0
    if text.isascii() and text.isdecimal():
        revision = int(text)
    elif isinstance(value, Number):
        raise ValueError(f"{shown(text)} is not a whole number from 0")
    else:
        revision = _MOMENTS.micros(text)
    if not 0 <= revision <= MOST_REVISION:
        raise ValueError(f"{shown(text)} is not between 0 and {MOST_REVISION}")
    return revision


def revised(
    now: Sequence[wire.Transaction], before: Sequence[wire.Transaction], revision: int
) -> list[wire.Transaction]:
    """The transactions of an edited order: those that it has now, and the others that it had before, as cancelled."""
    kept = {(sold.customer_id, sold.transaction_id) for sold in now}
    gone = [
        msgspec.structs.replace(sold, kind="cancelled", amount="0", lines=[])
        for sold in before
        if (sold.customer_id, sold.transaction_id) not in kept
    ]
    return [msgspec.structs.replace(sold, revision=revision) for sold in (*now, *gone)]
