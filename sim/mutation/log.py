"""Mutations of reading the log: gaps, order, control records, and logs that are not the one that was read before."""

from sim.mutation.mutation import Mutation

_ASSIGNMENT = "stream_app/partitions/assignment.py"
_BUFFER = "stream_app/partitions/buffer.py"
_CONTROL = "stream_app/core/control.py"
_DECODE = "stream_app/core/decode.py"
_FAULTS = "stream_app/partitions/log_faults.py"
_TASK = "stream_app/partitions/partition_task.py"

LOG = (
    Mutation(
        "gap skipped without asking the log",
        "Records that the client dropped at a rebalance are never applied.",
        _ASSIGNMENT,
        "if refetched_before and await self._is_gap(partition, gap):",
        "if True:",
        "history",
    ),
    Mutation(
        "one missing record tolerated",
        "A transaction is lost without any sign.",
        _BUFFER,
        "if records[0].offset > self.next_offset:",
        "if records[0].offset > self.next_offset + 1:",
    ),
    Mutation(
        "markers at the end of the log not passed over",
        "A partition seems to lag forever behind a producer's last transaction marker.",
        _ASSIGNMENT,
        "        elif is_gap:\n            task.skip(*missing)",
        "        elif is_gap:\n            pass",
        "history",
    ),
    Mutation(
        "lost records not fetched again",
        "Records that the client has dropped at the end of the log wait until the next one comes.",
        _ASSIGNMENT,
        "            await self._refetch(partition, task.next_offset)",
        "            return",
        "history",
    ),
    Mutation(
        "log id not compared",
        "A topic that was created again is read from the old offset, and its first records are never applied.",
        _FAULTS,
        "if base_id(progress.log_id) != base_id(seen.log_id):",
        "if not progress.log_id:",
        "reliability",
    ),
    Mutation(
        "lost end of the log not noticed",
        "After Kafka was restored from an older copy, new records at known offsets are never applied.",
        _FAULTS,
        "    applied, end = progress.next_offset, seen.end_offset\n",
        "    applied, end = progress.next_offset, seen.end_offset\n"
        "    if base_id(progress.log_id) == base_id(seen.log_id):\n        return None\n",
        "reliability",
    ),
    Mutation(
        "activation applied again",
        "When the log is read again, an older model becomes active once more.",
        _TASK,
        "await self._store.has_activated(batch):\n                batch.model = None",
        "await self._store.has_activated(batch):\n                pass",
        "history",
    ),
    Mutation(
        "times from the future accepted",
        "One mistyped year ages every customer of the partition.",
        "stream_app/core/bounds.py",
        "        if ahead > max_ahead:",
        "        if ahead < max_ahead:",
        "reliability",
    ),
    Mutation(
        "unsigned tick accepted",
        "A producer that may only write transactions ages every customer.",
        _DECODE,
        "            self.control.number(record.headers, record.value)\n            tick =",
        "            tick =",
        "reliability",
    ),
    Mutation(
        "copy of a signed model accepted",
        "Who can read the log makes an older model active again.",
        _CONTROL,
        "if self.keys and number <= newest:",
        "if self.keys and number < 0:",
        "reliability",
    ),
    Mutation(
        "number of the newest model not stored",
        "After a restart, a copy of an older model is accepted.",
        "stream_app/storage/unit_of_work.py",
        "control_number=max(progress.control_number, batch.control_number),",
        "control_number=progress.control_number,",
    ),
    Mutation(
        "customers of other partitions accepted",
        "A producer with another partitioner splits a customer's history over two partitions.",
        "stream_app/core/deduplicate.py",
        "        elif belongs_to != partition:",
        "        elif belongs_to < 0:",
    ),
    Mutation(
        "records fetched twice not dropped",
        "A list that the client passes on twice counts duplicates, and makes its dead letters twice.",
        _BUFFER,
        "fresh = [record for record in records if record.offset >= self.next_offset]",
        "fresh = list(records)",
    ),
    Mutation(
        "record buffer not emptied after a fault",
        "Records that waited are applied behind those that are read again.",
        _BUFFER,
        "        self._batches.clear()\n",
        "",
    ),
    Mutation(
        "number of a model that was not committed kept",
        "After a failed commit, a signed model is taken for a copy of itself, and never becomes active.",
        _BUFFER,
        "        self._control_number = control_number\n\n    def request_records",
        "        self._control_number = max(control_number, self._control_number)\n\n    def request_records",
    ),
    Mutation(
        "number of a model forgotten within a list",
        "A copy of a signed model is accepted if it is fetched together with the model.",
        _DECODE,
        "            control_number = control_number if batch is None else batch.control_number\n",
        "",
    ),
    Mutation(
        "second half of a batch put behind later ones",
        "While a record is looked for that can't be applied, a partition applies records out of order.",
        _BUFFER,
        "self._batches.insert(1, others)",
        "self._batches.append(others)",
    ),
)
