"""Forgetting a customer. Pure.

An erasure ends its micro-batch: the customer's records before it are applied and counted like all others, and then
everything of the customer is deleted in the same unit of work. Their later records are dropped, also when an older part
of the log is read again. So the result depends on the log alone.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from msgspec import MsgspecError, Struct, json

from stream_app.core.decode import DeadLetter, MicroBatch, columns_of


def without_forgotten(batch: MicroBatch, is_forgotten: Callable[[str], bool]) -> MicroBatch:
    """The batch without transactions and dead letters of forgotten customers, which it counts as ``forgotten``."""
    kept = [row for row, customer in enumerate(batch.customer_id) if not is_forgotten(customer)]
    letters = [letter for letter in batch.dead_letters if not any(map(is_forgotten, _customers(letter)))]
    dropped = len(batch.customer_id) - len(kept) + len(batch.dead_letters) - len(letters)
    if not dropped:
        return batch
    columns: dict[str, Any] = {name: [values[row] for row in kept] for name, values in columns_of(batch).items()}
    return replace(batch, forgotten=dropped, dead_letters=letters, **columns)


def without_foreign_erasure(batch: MicroBatch, partition: int, partition_of: Callable[[str], int]) -> MicroBatch:
    """The batch; a dead letter replaces an erasure that is not in its customer's partition."""
    if batch.erased is None or (belongs_to := partition_of(batch.erased)) == partition:
        return batch
    assert batch.last_record is not None  # noqa: S101 - the erasure
    reason = f"the customer belongs to partition {belongs_to}: is the producer's partitioner murmur2_random?"
    letter = DeadLetter.of(batch.last_record, reason)
    return replace(batch, erased=None, dead_letters=[*batch.dead_letters, letter])


class _Named(Struct):
    """The customer in the value of a record, whatever else is wrong with the record."""

    customer_id: str | int


def _customers(letter: DeadLetter) -> list[str]:
    """The ids of a dead letter: its key, and the id in its value if it has another one there."""
    ids = [(letter.key or b"").decode(errors="replace")]
    with contextlib.suppress(MsgspecError, UnicodeDecodeError, RecursionError):
        ids.append(str(json.decode(letter.value or b"", type=_Named).customer_id))
    return ids
