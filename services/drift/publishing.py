"""Publishes alarms to the drift topic in order. A crash between publishing and its commit repeats alarms."""

from sqlalchemy import Engine

from data.contract.change_events import EVENT_HEADERS
from data.kafka.record_writer import RecordWriter, WriteError
from data.postgres import drift
from runtime.brokers import Brokers
from services.drift.events import event


class DriftPublisher:
    """Publishes alarms that are not known to be in the topic; connects with the first one."""

    def __init__(self, brokers: Brokers, topic: str) -> None:
        self._brokers, self._topic = brokers, topic
        self._writer: RecordWriter | None = None

    def publish(self, engine: Engine) -> int:
        """Publish new alarms, wait for the broker, record that in Postgres, and return their number.

        Raises
        ------
        WriteError
            If the broker refuses an alarm permanently.
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
            # A new writer does not resend the refused record.
            self._writer = None
            raise
        drift.mark_published(engine, [alarm.id for alarm in alarms])
        return len(alarms)
