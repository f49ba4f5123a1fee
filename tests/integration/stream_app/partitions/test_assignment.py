"""An assignment on a real Postgres: fetched records that never arrive do not stop its partition tasks."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from faust.types import TP

from stream_app.partitions.assignment import PartitionAssignment
from tests.integration.stream_app.partitions.test_partition_task import RECORDS, committed, context, database, until
from tests.support.change_topic import ChangeTopic

__all__ = ["database"]

ASSIGNED = TP("transactions", 0)
END = len(RECORDS) + 3


class Fetcher:
    """A fetcher that has fetched up to an offset, wherever the records went."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.seeks: list[int] = []

    async def seek(self, partition: TP, offset: int) -> None:
        self.seeks.append(offset)

    def fetched_to(self, partition: TP) -> int | None:
        return self.end


def seeks_while_watching(
    database: str, is_gap: Callable[[int, int, int], bool], enough: Callable[[Fetcher], bool]
) -> list[int]:
    """Apply all records of a log that is fetched beyond them; returns the seeks from then on until ``enough``."""
    fetcher = Fetcher(END)

    async def work() -> None:
        assignment = PartitionAssignment(replace(context(database, ChangeTopic()), is_gap=is_gap), fetcher)
        assignment.begin()
        await assignment.claim({ASSIGNED})
        await assignment.offer(ASSIGNED, RECORDS)
        await until(lambda: committed(database)[0] >= len(RECORDS))
        fetcher.seeks.clear()
        watching = asyncio.create_task(assignment.watch())
        await until(lambda: enough(fetcher))
        watching.cancel()
        await assignment.release()

    asyncio.run(work())
    return fetcher.seeks


def test_offsets_without_a_record_at_the_end_of_the_log_are_skipped_for_good(database: str) -> None:
    asked = []

    def is_gap(*gap: int) -> bool:
        asked.append(gap)
        return True

    assert seeks_while_watching(database, is_gap, lambda _: committed(database)[0] == END) == []
    assert asked == [(0, len(RECORDS), END)]


def test_fetched_records_that_never_arrive_are_read_again(database: str) -> None:
    seeks = seeks_while_watching(database, lambda *_: False, lambda fetcher: len(fetcher.seeks) == 2)
    assert seeks == [len(RECORDS)] * 2
    assert committed(database)[0] == len(RECORDS)
