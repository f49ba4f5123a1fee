"""A dead letter that the broker or the client refuses delays nothing, and is published later."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from runtime.brokers import Brokers
from runtime.topics import Topics
from stream_app.core.decode import DeadLetter
from stream_app.outbox.dead_letter_publisher import DeadLetterPublisher

TOPICS = Topics("transactions", "changes", "segments", "dead-letters", "drift")
LETTER = DeadLetter(offset=7, reason="not JSON", key=b"k", value=b"x" * 200_000)


class Client:
    """A producer that refuses records before it asks a broker, as librdkafka does."""

    def __init__(self, refusal: Callable[[bytes], KafkaError | None]) -> None:
        self.accepted: list[bytes] = []
        self._refusal = refusal

    def produce(self, topic: str, value: bytes, key: bytes, **_: Any) -> None:
        error = self._refusal(value)
        if error is not None:
            raise KafkaException(error)
        self.accepted.append(value)

    def flush(self, seconds: float) -> int:
        return 0

    def purge(self) -> None: ...


def publisher(client: Any) -> DeadLetterPublisher:
    """A publisher that finds ten seconds gone whenever it looks at the clock."""
    clock = partial(next, itertools.count(0.0, 10.0))
    return DeadLetterPublisher(Brokers("127.0.0.1:1"), TOPICS, "log", 0, lambda _: client, clock)


async def unpublished() -> Sequence[DeadLetter]:
    return [LETTER]


def test_a_dead_letter_that_is_too_large_for_the_client_is_published_in_part() -> None:
    client = Client(lambda value: KafkaError(KafkaError.MSG_SIZE_TOO_LARGE) if len(value) > 100_000 else None)
    letters = publisher(client)
    letters.publish([LETTER])
    assert [len(value) for value in client.accepted] == [64 * 1024]
    assert asyncio.run(letters.all_delivered(unpublished))


def test_dead_letters_are_published_once_their_topic_exists() -> None:
    topic_exists = False
    client = Client(lambda value: None if topic_exists else KafkaError(KafkaError._UNKNOWN_TOPIC))
    letters = publisher(client)
    letters.publish([LETTER])
    assert not asyncio.run(letters.all_delivered(unpublished))
    letters.publish([LETTER])
    assert not asyncio.run(letters.all_delivered(unpublished))
    topic_exists = True
    assert asyncio.run(letters.all_delivered(unpublished))
    assert client.accepted == [LETTER.value]
