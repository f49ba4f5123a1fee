"""Mutations of what a micro-batch does: ticks, decay, duplicates, revisions, erasures and models."""

from sim.mutation.mutation import Mutation

_APPLY = "stream_app/core/apply.py"
_BUFFER = "stream_app/partitions/buffer.py"
_DECODE = "stream_app/core/decode.py"
_DEDUPLICATE = "stream_app/core/deduplicate.py"
_DUE = "stream_app/core/due.py"
_ERASURE = "stream_app/core/erasure.py"
_SQL = "stream_app/storage/statements.py"
_TASK = "stream_app/partitions/partition_task.py"
_UNIT = "stream_app/storage/unit_of_work.py"
_UNITS = "stream_app/partitions/units_of_work.py"

CORE = (
    Mutation(
        "tick applied before the records in front of it",
        "An order is scored as if the days after it had passed, so that a customer gets changes that never were.",
        _APPLY,
        "watermark=np.maximum(column(batch.watermark_before), watermark),",
        "watermark=np.maximum(column(batch.watermark_before), batch.watermark),",
    ),
    Mutation(
        "ticks forgotten where batches are merged",
        "Whether an order comes before or after a tick depends on how records were fetched.",
        _DECODE,
        "[max(watermark, self.watermark) for watermark in later.watermark_before]",
        "later.watermark_before",
    ),
    Mutation(
        "watermark goes back",
        "A batch without a tick makes customers younger.",
        _APPLY,
        "watermark = max(batch.watermark, progress.watermark)",
        "watermark = batch.watermark",
    ),
    Mutation(
        "last slice of due decay lost",
        "Customers who should decay stay in their segment until the next tick.",
        _UNITS,
        "            if not len(stored.profiles):\n                return True",
        "            if len(stored.profiles) < self._batch_size:\n                return True",
    ),
    Mutation(
        "slice continues behind the last moment",
        "Of customers whose decay is due at one moment, only those of the first slice decay.",
        _UNITS,
        "start = int(stored.profiles.next_change_at.max())",
        "start = int(stored.profiles.next_change_at.max()) + 1",
    ),
    Mutation(
        "due customers beyond the limit left out",
        "If a tick makes many customers due, the rest of them wait for another tick.",
        _UNITS,
        "due=limit + 1, rhythm=self.rhythm)",
        "due=limit, rhythm=self.rhythm)",
        "history",
    ),
    Mutation(
        "slice raises the watermark",
        "Records in front of a tick are scored as if they had come behind it.",
        _DUE,
        "return replace(result, watermark=progress.watermark)",
        "return result",
        "history",
    ),
    Mutation(
        "next change not stored",
        "A customer who has bought again decays at the moment that was right before.",
        _SQL,
        "  next_change_at = excluded.next_change_at, next_segment = excluded.next_segment\n",
        "  next_segment = excluded.next_segment\n",
    ),
    Mutation(
        "duplicates decided by memory",
        "An order that a shop sends again, or a worker reads again, is known only within its micro-batch.",
        _UNIT,
        "            queries = [(sql.KNOWN, asked)]",
        '            queries = [(sql.KNOWN + " WHERE false", asked)]',
        "reliability",
    ),
    Mutation(
        "older revision applied",
        "An edit that arrives late replaces the newer one in the customer's totals.",
        _DEDUPLICATE,
        "if known is not None and (revision < known.revision or content == known):",
        "if known is not None and content == known:",
    ),
    Mutation(
        "revision applied without recomputing",
        "An edited order counts in addition to the one that it replaces.",
        _APPLY,
        "for at, effect in effects(batch, applied, replaced, ledger).items():",
        "for at, effect in effects(batch, applied, {}, ledger).items():",
    ),
    Mutation(
        "other orders of a revised customer not read",
        "After a cancellation, a customer's last purchase is forgotten.",
        _UNIT,
        "if revising := revising_customers(batch):",
        "if revising := revising_customers(batch)[:0]:",
    ),
    Mutation(
        "records of forgotten customers applied",
        "A customer who was forgotten comes back with the next order.",
        _UNITS,
        "        batch = without_forgotten(batch, self._store.forgotten_customers.__contains__)\n",
        "",
        "reliability",
    ),
    Mutation(
        "erasure does not end its batch",
        "Orders behind an erasure are deleted, or kept, depending on how records were fetched.",
        _DECODE,
        "return self.model is not None or self.erased is not None",
        "return self.model is not None",
    ),
    Mutation(
        "batches merged over a model",
        "Orders in front of a model are scored with it, and the model may be lost.",
        _BUFFER,
        "            and not batch.is_complete\n",
        "",
    ),
    Mutation(
        "customers not rescored before the next model",
        "Of two models in a row, the changes of the first one are missing for the customers who had to wait.",
        _TASK,
        "while batch.model is not None and await self._work.rescore_chunk():",
        "while batch.model is None and await self._work.rescore_chunk():",
        "reliability",
    ),
    Mutation(
        "rescoring continues where the last model's ended",
        "Customers with small ids stay under an older model.",
        _UNITS,
        "            self.personas |= {segment.id: segment.name for segment in self.model.segments}\n"
        '        self._rescored_up_to = ""',
        "            self.personas |= {segment.id: segment.name for segment in self.model.segments}\n",
    ),
    Mutation(
        "moment of the activation not stored",
        "Customers are rescored at the moment of the model before, and their changes have the wrong time.",
        _UNIT,
        "model_since=result.watermark if activated else progress.model_since,",
        "model_since=progress.model_since,",
    ),
    Mutation(
        "interrupted decay not continued",
        "A worker that is stopped between two slices counts the batch as applied.",
        _UNITS,
        "            if not await self._fire_what_is_due(batch):\n                return\n",
        "            await self._fire_what_is_due(batch)\n",
    ),
    Mutation(
        "forgotten customer known only after the next claim",
        "A customer comes back with the next order, as long as the same worker has the partition.",
        _UNIT,
        "            forgotten.hashes.add(forgotten.hash(batch.erased))\n",
        "            pass\n",
    ),
    Mutation(
        "customer named only in the value not recognised",
        "A dead letter keeps the id of a forgotten customer.",
        _ERASURE,
        '        ids.append(str(json.decode(letter.value or b"", type=_Named).customer_id))\n',
        "        pass\n",
    ),
    Mutation(
        "erasure in another partition accepted",
        "A customer counts as forgotten where nothing of them is, and their records stay.",
        _ERASURE,
        "(belongs_to := partition_of(batch.erased)) == partition:",
        "(belongs_to := partition_of(batch.erased)) >= 0:",
    ),
    Mutation(
        "replaced order still counts for the dates",
        "After an order was moved or cancelled, recency counts from the date that it had before.",
        "stream_app/core/revisions.py",
        "        own.pop(batch.transaction_id[row], None)\n",
        "",
    ),
    Mutation(
        "decay that is due exactly at the tick left out",
        "A customer stays in a segment until the next tick, which may be the next day's.",
        _SQL,
        "next_change_at <= %(watermark)s",
        "next_change_at < %(watermark)s",
    ),
)
