"""What is stored of a partition's failures, and the records that an operator has skipped."""

from typing import NamedTuple

from stream_app.core.apply import PartitionProgress
from stream_app.storage import statements as sql
from stream_app.storage.claim import ClaimStore


class FailureState(NamedTuple):
    """The seconds since the last commit of a partition, by Postgres's clock, and its failures in a row since then."""

    commit_age: float
    failures: int
    failure: str | None


class FailureStore(ClaimStore):
    """The failures of one partition, over a connection of its own. They are written outside the unit of work."""

    async def failure_state(self) -> FailureState:
        """The stored failures, which outlive a worker: only a commit ends them."""
        async with self._connection.transaction():
            cursor = await self._connection.execute(sql.FAILURE_STATE, {"partition": self._partition})
            row = await cursor.fetchone()
        return FailureState(0.0, 0, None) if row is None else FailureState(max(float(row[0]), 0.0), row[1], row[2])

    async def save_failure(self, progress: PartitionProgress, failures: int, failure: str) -> None:
        """Connect again, and store a failure; without effect if another worker has claimed the partition."""
        await self.open()
        parameters = {
            "partition": self._partition,
            "epoch": progress.epoch,
            "failures": failures,
            "failure": failure,
        }
        async with self._connection.transaction():
            await self._connection.execute(sql.SAVE_FAILURE, parameters)

    async def clear_failures(self, progress: PartitionProgress) -> None:
        """Store that the partition has caught up with its log, so that no failure is left."""
        async with self._connection.transaction():
            await self._connection.execute(sql.CLEAR_FAILURES, {"partition": self._partition, "epoch": progress.epoch})

    async def skipped(self, progress: PartitionProgress) -> dict[int, str]:
        """The reasons of the records that are to be skipped, by offset, from the next offset on."""
        parameters = {
            "partition": self._partition,
            "log_id": progress.log_id,
            "next_offset": progress.next_offset,
        }
        async with self._connection.transaction():
            return dict(await (await self._connection.execute(sql.SKIPPED, parameters)).fetchall())
