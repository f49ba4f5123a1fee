"""The four that report how a partition is: `/readyz`, the metrics, `segue status` and the Operations page.

A real partition task applies a log in memory; a real broker has as many records, so that `segue status` finds the lag.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from dashboard.operations import markup, queries
from data.postgres.database import engine
from segue.cli.app import app
from stream_app.health import Health
from stream_app.partition_status import LogEnd
from stream_app.partitions.partition_task import PartitionTask
from tests.support.changing_log import Log
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.partition_tasks import PATIENCE, worker_context


@dataclass(frozen=True)
class Story:
    """What the four report at one moment."""

    ready: dict[str, Any]
    metrics: dict[str, float]
    exit_code: int
    status: dict[str, Any]
    page: str

    @property
    def verdicts(self) -> dict[str, bool]:
        """Whether all is well, by teller."""
        marks = (" data-failing", "sg-banner", "catching up")
        return {
            "readyz": self.ready["ready"],
            "metrics": self.metrics["segue_ready"] == 1,
            "status": self.exit_code == 0,
            "page": not any(mark in self.page for mark in marks),
        }

    @property
    def well(self) -> bool:
        """Whether all four report that all is well."""
        return all(self.verdicts.values())

    @property
    def ill(self) -> bool:
        """Whether all four report that something is wrong."""
        return not any(self.verdicts.values())

    def name(self, words: str) -> bool:
        """Whether all of those who speak in words use these: `/readyz`, `segue status` and the Operations page."""
        spoken = (" ".join(self.ready["reasons"]), " ".join(self.status["problems"]), self.page)
        return all(words in text for text in spoken)


class Watched:
    """A partition task on a log that a test changes, and the four who report about it."""

    def __init__(
        self,
        database: str,
        bootstrap_servers: str,
        log: Log,
        control_keys: tuple[bytes, ...] = (),
        batch_size: int = 500,
        topic: ChangeTopic | None = None,
    ) -> None:
        self.database, self.bootstrap_servers, self.log = database, bootstrap_servers, log
        self.topic = topic or ChangeTopic()
        context = worker_context(database, self.topic, control_keys)
        config = replace(context.config, batch_size=batch_size)
        self.context = replace(context, config=config, read_log=log.read)
        self.metrics = self.context.metrics
        self.metrics.joined = True
        self.metrics.log_end = lambda _: LogEnd(log.end, 0.0)
        self.task = PartitionTask(self.context, 0, self.seek)
        self._health = Health(self.metrics)
        self._mirrored: list[object] = []
        self._mirror = ""

    async def seek(self, offset: int) -> None:
        """Offer the records from an offset on, as Kafka does."""
        if records := [record for record in self.log.records if record.offset >= offset]:
            asyncio.get_running_loop().call_soon(lambda: self.task.offer(records))

    async def story(self) -> Story:
        """Ask all four."""
        return await asyncio.to_thread(self._ask)

    async def wait_for(self, condition: Callable[[Story], bool]) -> Story:
        """Ask until a condition is true of the answers."""
        async with asyncio.timeout(PATIENCE):
            while not condition(story := await self.story()):
                await asyncio.sleep(0.05)
        return story

    async def wait_until_all_are(self, well: bool) -> Story:
        """Ask until all four report the same."""
        return await self.wait_for(lambda story: story.well if well else story.ill)

    async def wait_until_all_say(self, words: str) -> Story:
        """Ask until all four report trouble, and those who speak in words use these.

        They are asked one after another, so one of them may have trouble of an earlier moment.
        """
        return await self.wait_for(lambda story: story.ill and story.name(words))

    def run(self, work: Callable[["Watched"], Awaitable[None]]) -> None:
        """Run the task while some work is done."""

        async def running() -> None:
            runner = asyncio.create_task(self.task.run())
            try:
                await work(self)
            finally:
                self.task.stop()
                await runner
                await self.task.close()

        asyncio.run(running())

    def segue(self, *arguments: str) -> Result:
        """Run a command of the operator."""
        with self._environment():
            return CliRunner().invoke(app, arguments)

    def _ask(self) -> Story:
        ready = json.loads(self._health.ready().body)
        values = {sample.name: sample.value for family in self.metrics.registry.collect() for sample in family.samples}
        status = self.segue("status", "--json")
        postgres = engine(self.database)
        with postgres.connect() as connection:
            found = queries.status(connection)
            reasons = " ".join(queries.reasons(connection)["reason"])
        postgres.dispose()
        faults = markup.faults_of_the_log(found.log_faults) if found.log_faults else ""
        page = faults + markup.totals(found) + markup.partitions(found.partitions, found.model) + reasons
        return Story(ready, values, status.exit_code, _json(status.stdout), page)

    def _environment(self) -> AbstractContextManager[object]:
        return patch.dict(
            os.environ,
            SEGUE_DATABASE_URL=self.database,
            SEGUE_BOOTSTRAP_SERVERS=self.bootstrap_servers,
            SEGUE_TRANSACTIONS_TOPIC=self._topic(),
            SEGUE_STATE_DIR="no stack",
        )

    def _topic(self) -> str:
        """A topic with as many offsets as the log; none if the log does not exist."""
        if not self.log.exists:
            return "missing"
        if not self._mirror or self._mirrored != [self.log.end]:
            self._mirror, self._mirrored = f"log-{uuid4().hex}", [self.log.end]
            producer = Producer({"bootstrap.servers": self.bootstrap_servers})
            for _ in range(self.log.end):
                producer.produce(self._mirror, b"record", partition=0)
            assert producer.flush(PATIENCE) == 0
        return self._mirror


def _json(printed: str) -> dict[str, Any]:
    """The JSON in what a command has printed; the task may have logged something meanwhile."""
    found: dict[str, Any] = json.JSONDecoder().raw_decode(printed[printed.index("{\n") :])[0]
    return found
