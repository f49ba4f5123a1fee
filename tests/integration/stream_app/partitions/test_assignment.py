"""The lanes of a worker on a real Postgres: what has been fetched and never comes does not hold them up."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from faust.types import TP

from stream_app.partitions.assignment import PartitionAssignment
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.partition_tasks import RECORDS, committed, wait_for, worker_context

HELD = TP("transactions", 0)
END = len(RECORDS) + 3


class Fetched:
    """A log that has been fetched up to an offset, whoever it reached."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.sought: list[int] = []

    async def seek(self, partition: TP, offset: int) -> None:
        self.sought.append(offset)

    def fetched_to(self, partition: TP) -> int | None:
        return self.end


def watching(database: str, is_gap: Callable[[int, int, int], bool], enough: Callable[[Fetched], bool]) -> list[int]:
    """Apply all records of a log that has been fetched beyond them, until it is enough; what was sought then."""
    fetched = Fetched(END)

    async def work() -> None:
        lanes = PartitionAssignment(replace(worker_context(database, ChangeTopic()), is_gap=is_gap), fetched)
        lanes.admit()
        await lanes.assign({HELD})
        await lanes.offer(HELD, RECORDS)
        await wait_for(lambda: committed(database)[0] >= len(RECORDS))
        fetched.sought.clear()
        looking = asyncio.create_task(lanes.watch())
        await wait_for(lambda: enough(fetched))
        looking.cancel()
        await lanes.release()

    asyncio.run(work())
    return fetched.sought


def test_offsets_without_a_record_at_the_end_of_the_log_are_passed_over_for_good(database: str) -> None:
    asked = []

    def is_gap(*gap: int) -> bool:
        asked.append(gap)
        return True

    assert watching(database, is_gap, lambda _: committed(database)[0] == END) == []
    assert asked == [(0, len(RECORDS), END)]


def test_records_that_were_fetched_and_never_came_are_read_again(database: str) -> None:
    sought = watching(database, lambda *_: False, lambda fetched: len(fetched.sought) == 2)
    assert sought == [len(RECORDS)] * 2
    assert committed(database)[0] == len(RECORDS)
