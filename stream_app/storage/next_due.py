"""Before which moment no customer of a partition is due, so that a tick before it needs not ask Postgres."""

from models.decay import NEVER
from models.units import Ints
from stream_app.core.columns import LONG_AGO


class NextDue:
    """No customer of the partition has a next change before a known moment.

    That holds as long as the claim does: only the owner of a partition writes its customers. Every profile that is
    about to be saved counts, whether or not that succeeds, so the moment may be too early, and never too late.
    """

    def __init__(self) -> None:
        self._moment = LONG_AGO

    def forget(self) -> None:
        """Know nothing, as another worker may have written."""
        self._moment = LONG_AGO

    def is_after(self, watermark: int) -> bool:
        """Whether no customer is due by a watermark, as far as it is known."""
        return self._moment > watermark

    def stored(self, first: int | None) -> None:
        """Postgres has this as the first of all next changes; None if it has none."""
        self._moment = NEVER if first is None else first

    def saving(self, next_changes: Ints) -> None:
        """Customers with these next changes are about to be saved."""
        self._moment = min(self._moment, int(next_changes.min(initial=NEVER)))
