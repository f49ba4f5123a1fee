"""A log with one record that Postgres is made to refuse, and a worker that applies it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import psycopg

from stream_app.core.apply import apply_batch
from stream_app.metrics import Metrics
from stream_app.partition_status import LogEnd
from stream_app.partitions.partition_task import PartitionTask
from stream_app.partitions.units_of_work import Apply
from stream_app.partitions.worker_context import WorkerContext
from tests.support.builders import tick, transaction
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Record, logs
from tests.support.partition_tasks import worker_context

POISON = 7
ORDINARY = [transaction(number, number, customer=f"c{number}") for number in range(20)]
(LOG,) = logs([*ORDINARY[:POISON], transaction(99, 3, customer="evil"), *ORDINARY[POISON:], tick(30)], 1)
#: What an administrator could add to a table, and what a defect in a statement looks like from outside.
FAULTS = {
    "a constraint": "ALTER TABLE customers ADD CONSTRAINT no_evil CHECK (customer_id <> 'evil')",
    "a trigger": """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.customer_id = 'evil' THEN RAISE 'no evil\nhere'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER no_evil BEFORE INSERT ON transactions FOR EACH ROW EXECUTE FUNCTION refuse()""",
    "a number out of range": """
        CREATE FUNCTION overflow() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.customer_id = 'evil' THEN NEW.frequency = 2147483647 + NEW.frequency; END IF; RETURN NEW; END $$;
        CREATE TRIGGER no_evil BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION overflow()""",
}


class Worker:
    """A partition task whose seeks read a log again from an offset, as Kafka does."""

    def __init__(
        self, database: str, log: list[Record], metrics: Metrics | None = None, apply: Apply = apply_batch
    ) -> None:
        self.log = log
        self.topic = ChangeTopic()
        self.context: WorkerContext = worker_context(database, self.topic)
        if metrics is not None:
            self.context = replace(self.context, metrics=metrics)
        self.metrics: Metrics = self.context.metrics
        self.metrics.joined = True
        self.metrics.log_end = lambda _: LogEnd(len(log), 0.0)
        self.task = PartitionTask(self.context, 0, self.seek, apply)

    async def seek(self, offset: int) -> None:
        """Offer the records from an offset on."""
        if records := self.log[offset:]:
            asyncio.get_running_loop().call_soon(lambda: self.task.offer(records))

    async def run(self, work: Callable[["Worker"], Awaitable[None]]) -> None:
        """Run the task while some work is done."""
        runner = asyncio.create_task(self.task.run())
        try:
            await work(self)
        finally:
            self.task.stop()
            await runner
            await self.task.close()


def execute(database: str, statement: str) -> None:
    """Execute a statement as the owner of the database."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(statement)
