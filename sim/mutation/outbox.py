"""Mutations of publishing: the outbox, the relay, its writer, and what the change topic holds."""

from sim.mutation.mutation import Mutation

_CATCH_UP = "stream_app/outbox/catch_up.py"
_END = "stream_app/outbox/topic_end.py"
_LETTERS = "stream_app/outbox/dead_letter_publisher.py"
_PUBLISHER = "stream_app/partitions/publisher.py"
_RELAY = "stream_app/outbox/relay.py"
_SQL = "stream_app/storage/statements.py"
_WRITER = "stream_app/outbox/change_writer.py"
_ENCODER = "data/contract/event_encoder.py"

_STATES = """        for state in states:
            self._send(self._states_topic, state)
"""
_REASON = (
    "        # librdkafka repeats an unanswered EndTxn under the same epoch, so the first one can still commit "
    "whatever the\n        # broker has of this transaction when it arrives. The broker must have every state before "
    "the first change.\n"
)
_FLUSH = "        self._retry(self._flush)\n"
_CHANGES = """        for change in changes:
            self._send(self._topic, change)
"""

OUTBOX = (
    Mutation(
        "outbox position off by one",
        "Whenever a relay reads the outbox, subscribers miss a change.",
        _RELAY,
        "rows = await self._outbox.unpublished_changes(self.published, self._most.at_once)",
        "rows = await self._outbox.unpublished_changes(self.published + 1, self._most.at_once)",
    ),
    Mutation(
        "outbox read customer by customer",
        "The published position jumps over changes, which are never published.",
        _SQL,
        'AND position > %(after)s AND customer_id IS NOT NULL\nORDER BY position LIMIT %(limit)s\n"""',
        'AND position > %(after)s AND customer_id IS NOT NULL\nORDER BY customer_id, position LIMIT %(limit)s\n"""',
    ),
    Mutation(
        "position saved before its changes are published",
        "A worker dies, and its last changes are never published.",
        _PUBLISHER,
        "else self._relay.safe_position",
        "else progress.change_position",
        "history",
    ),
    Mutation(
        "position advanced while catching up",
        "After Postgres was restored and a second fault, subscribers get changes twice.",
        _RELAY,
        "        if self._catch_up.finished:\n            self.safe_position = position",
        "        self.safe_position = position",
        "history",
    ),
    Mutation(
        "writers do not fence each other",
        "A zombie that still publishes writes changes that its successor has published, too.",
        _WRITER,
        'transactional_id = f"{self._topic}-{self._partition}"',
        'transactional_id = f"{self._topic}-{self._partition}-{id(self)}"',
        "reliability",
    ),
    Mutation(
        "writer opened after the topic was read",
        "The former writer commits between the two, and subscribers get its changes twice.",
        _RELAY,
        "            await self._in_thread(self._writer.open)\n            try:\n"
        "                position = await self._catch_up.begin(self._outbox, stored, self.published)",
        "            try:\n"
        "                position = await self._catch_up.begin(self._outbox, stored, self.published)\n"
        "                await self._in_thread(self._writer.open)",
        "history",
    ),
    Mutation(
        "writer not initialised",
        "Nothing is published, since the broker does not know the writer.",
        _WRITER,
        "            self._retry(self._producer.init_transactions)",
        "            pass",
    ),
    Mutation(
        "aborted record taken for the last one",
        "After a worker has died, changes of its aborted Kafka transaction are never published.",
        _END,
        'if ControlRecord.parse(records[-1].key or b"") == COMMIT_MARKER:',
        "if records:",
        "history",
    ),
    Mutation(
        "uncommitted records read at the end of the topic",
        "Changes of a Kafka transaction that fails are taken for published, and are never published.",
        _END,
        "            self._open.setdefault(batch.producer_id, []).extend(records)\n            return []",
        "            return records",
        "history",
    ),
    Mutation(
        "hanging transaction ignored",
        "Readers of committed records wait for a transaction marker forever.",
        _END,
        "    committed.raise_if_hanging()\n",
        "",
        "reliability",
    ),
    Mutation(
        "changes of an aborted hanging transaction counted as published",
        "After a broker has forgotten a transaction marker, subscribers miss the changes of that transaction.",
        _CATCH_UP,
        "if end is None and ahead.withdrawn is not None:",
        "if end is not None and ahead.withdrawn is not None:",
        "history",
    ),
    Mutation(
        "published changes published again",
        "After the death of a worker, subscribers get its last changes twice.",
        _CATCH_UP,
        "        if self.finished:\n            return rows\n        held",
        "        if not self.finished:\n            return rows\n        held",
        "reliability",
    ),
    Mutation(
        "changes before the position not dropped",
        "A relay takes changes of a customer for published that are not.",
        _CATCH_UP,
        "            ahead.drop(customer, sequence)\n",
        "            ahead.drop(customer, 0)\n",
    ),
    Mutation(
        "last published change that is not in the topic ignored",
        "After the change topic has lost its end, the lost changes are never published again.",
        _CATCH_UP,
        "        if position and (not ahead.found or (last_published is None and not forgotten)):\n",
        "        if position and last_published is None and not forgotten:\n",
        "reliability",
    ),
    Mutation(
        "changes sent before states",
        "A subscriber that looks a customer's state up after a change finds an older one.",
        _WRITER,
        _STATES + _REASON + _FLUSH + _CHANGES,
        _CHANGES + _FLUSH + _STATES,
        "history",
    ),
    Mutation(
        "states and changes sent together",
        "A late commit of the Kafka transaction before shows a change without its state.",
        _WRITER,
        _REASON + _FLUSH,
        "",
        "history",
    ),
    Mutation(
        "oldest state sent as the latest",
        "A customer with two changes in one Kafka transaction has the state of the first one.",
        _ENCODER,
        "latest = {row.customer_id: row.position for row in rows}",
        "latest = {row.customer_id: row.position for row in reversed(rows)}",
    ),
    Mutation(
        "tombstone not published",
        "The latest state of a forgotten customer stays in the compacted topic.",
        _WRITER,
        "        for state in states:\n",
        "        for state in (state for state in states if state.value is not None):\n",
    ),
    Mutation(
        "dead letters marked before they are delivered",
        "A broker that is away loses dead letters for the readers of their topic.",
        _LETTERS,
        "        self._undelivered = self._reread or left > 0\n",
        "        self._undelivered = False\n",
    ),
    Mutation(
        "committed dead letters not published after a claim",
        "Dead letters of a worker that has died never come into their topic.",
        _PUBLISHER,
        "        self._dead_letters.publish(await self._unpublished_dead_letters())\n",
        "",
    ),
    Mutation(
        "relay does not notice that Postgres was set back",
        "Changes that Postgres numbers anew are taken for published, and subscribers miss them.",
        _RELAY,
        "return self._last_position > self._kind.positions(progress).last",
        "return False",
    ),
    Mutation(
        "end of the topic searched only once",
        "If the last published change is far from the end of the topic, subscribers get changes twice.",
        _END,
        "if start == first or (ahead.found and last_published is not None):",
        "if True:",
    ),
    Mutation(
        "tombstone without a position of its own",
        "The latest state of a forgotten customer stays in the compacted topic.",
        "stream_app/storage/unit_of_work.py",
        "progress.change_position + len(changes) + forgets",
        "progress.change_position + len(changes)",
    ),
    Mutation(
        "risk changes not published after a claim",
        "Risk changes of a worker that has died wait until the partition has another one.",
        _PUBLISHER,
        "if self._risk_relay is None and progress.risk_position:",
        "if self._risk_relay is None and progress.risk_position < 0:",
    ),
    Mutation(
        "risk position saved before its risk changes are published",
        "A worker dies, and its last risk changes are never published.",
        _PUBLISHER,
        "else self._risk_relay.safe_position",
        "else progress.risk_position",
    ),
)
