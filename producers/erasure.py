"""Forgetting a customer: write an erasure into the log, and wait until the worker has applied it."""

import time

import msgspec

from data.contract.wire import Identifier
from data.kafka.record_writer import WriteError
from data.postgres import erasures, progress
from producers.log_session import LogSession
from runtime.errors import Hint, SegueError

_FLUSH_SECONDS = 30.0
_POLL_SECONDS = 0.1


class ErasureError(SegueError):
    """The customer was not forgotten; the message says why."""


def forget(session: LogSession, customer_id: str) -> tuple[int, int]:
    """Write the erasure of a customer; returns the partition, and its end offset after the erasure.

    Raises
    ------
    ErasureError
        If the id is not valid.
    WriteError
        If the broker refuses the record or does not answer.
    """
    try:
        msgspec.convert(customer_id, Identifier)
    except msgspec.ValidationError as error:
        raise ErasureError(f"{customer_id!r} is not a customer id: {error}") from None
    partition = session.writer.erase(customer_id)
    if session.writer.flush(_FLUSH_SECONDS):
        raise WriteError("the broker does not answer; run the command again when it does")
    return partition, session.ends()[partition]


def wait(session: LogSession, customer_id: str, partition: int, end: int) -> None:
    """Wait until the worker has applied the erasure, and the tombstone is published.

    Raises
    ------
    ErasureError
        If the worker has refused it.
    """
    while progress.next_offsets(session.postgres, session.identity.log_id).get(partition, 0) < end:
        time.sleep(_POLL_SECONDS)
    if not erasures.is_forgotten(session.postgres, customer_id):
        raise ErasureError(
            f"the worker has refused the erasure of {customer_id}, for example without the right control key",
            Hint.LIST_DEAD_LETTERS,
        )
    while erasures.waits_for_tombstone(session.postgres, customer_id):
        time.sleep(_POLL_SECONDS)
