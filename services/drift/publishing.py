"""Alarms go to their topic, in order: at least once, and once but for a crash at the wrong moment."""

from sqlalchemy import Engine

from data.contract.change_events import EVENT_HEADERS
from data.kafka.record_writer import RecordWriter, WriteError
from data.postgres import drift
from runtime.brokers import Brokers
from services.drift.events import event


class DriftPublisher:
    """Publishes what is not known to be in the topic yet; connects when there is something."""

    def __init__(self, brokers: Brokers, topic: str) -> None:
        self._brokers, self._topic = brokers, topic
        self._writer: RecordWriter | None = None

    def publish(self, engine: Engine) -> int:
        """Publish, wait until the broker has it, and note that; returns how many alarms there were.

        Raises
        ------
        WriteError
            If the broker refuses one for good.
        """
        alarms = drift.unpublished(engine)
        if not alarms:
            return 0
        if self._writer is None:
            self._writer = RecordWriter(self._brokers)
        try:
            for alarm in alarms:
                self._writer.write(self._topic, event(alarm), alarm.model_version.encode(), EVENT_HEADERS)
            while self._writer.flush():
                pass
        except WriteError:
            # The next attempt begins without what was refused.
            self._writer = None
            raise
        drift.mark_published(engine, [alarm.id for alarm in alarms])
        return len(alarms)
