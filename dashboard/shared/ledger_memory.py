"""The ledger of whole event days, added up: its closed months are read once and remembered.

A month that event time has left behind does not change any more, but for transactions that come late; those are
counted, and the count tells. A stream that was begun anew has fewer transactions than were remembered.
"""

from threading import Lock
from typing import NamedTuple

from sqlalchemy import Connection

from dashboard.shared import ledger
from dashboard.shared.flows import midnight
from dashboard.shared.ledger import Ledger
from dashboard.shared.reading import StreamProgress


class _Closed(NamedTuple):
    ledger: Ledger
    transactions: int
    late: int


class LedgerMemory:
    """What is known of the closed months of one database; shared by all sessions of a process."""

    def __init__(self) -> None:
        self._closed: _Closed | None = None
        self._lock = Lock()

    def read(self, connection: Connection, progress: StreamProgress) -> Ledger | None:
        """The ledger of the event days before today's; None where there is no transaction in them.

        ``progress`` must belong to the same moment as the connection, and have an event time. Who comes while somebody
        else is reading everything waits for it rather than doing it twice.
        """
        assert progress.event_time is not None  # noqa: S101 - said above
        today = midnight(progress.event_time)
        this_month = today.replace(day=1)
        with self._lock:
            known = self._valid(progress)
            if known is None or known.until < this_month:
                known = ledger.ledger(connection, this_month, known) or known
            self._closed = None if known is None else _Closed(known, progress.transactions, progress.late)
        return ledger.ledger(connection, today, known) if known is None or known.until < today else known

    def _valid(self, progress: StreamProgress) -> Ledger | None:
        closed = self._closed
        if closed is None or progress.transactions < closed.transactions or progress.late != closed.late:
            return None
        return closed.ledger
