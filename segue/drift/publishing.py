"""Alarms go to their topic, in order: at least once, and once but for a crash at the wrong moment."""

from confluent_kafka import KafkaError, Message, Producer
from sqlalchemy import Engine

from data import drift
from data.brokers import Brokers
from segue.drift.events import event
from stream_app.change_events import EVENT_HEADERS
from stream_app.dead_letter_publisher import PublishError, producer_config

_FLUSH_SECONDS = 1.0


class DriftPublisher:
    """Publishes what is not known to be in the topic yet; connects when there is something."""

    def __init__(self, brokers: Brokers, topic: str) -> None:
        self._brokers, self._topic = brokers, topic
        self._producer: Producer | None = None
        self._error: str | None = None

    def publish(self, engine: Engine) -> int:
        """Publish, wait until the broker has it, and note that; returns how many alarms there were.

        Raises
        ------
        PublishError
            If the broker refuses one for good.
        """
        alarms = drift.unpublished(engine)
        if not alarms:
            return 0
        if self._producer is None:
            self._producer = Producer(producer_config(self._brokers))
        for alarm in alarms:
            key = alarm.model_version.encode()
            self._producer.produce(self._topic, event(alarm), key, on_delivery=self._on_error, headers=EVENT_HEADERS)
        while self._producer.flush(_FLUSH_SECONDS):
            self._raise_refused()
        self._raise_refused()
        drift.mark_published(engine, [alarm.id for alarm in alarms])
        return len(alarms)

    def _on_error(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._error = f"{message.topic()}: {error.str()}"

    def _raise_refused(self) -> None:
        if self._error is not None:
            reason, self._error = self._error, None
            raise PublishError(reason)
