"""The tables at rest. Every number that a segment rests on is exact: money is NUMERIC, time is timestamptz."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

Id = Text(collation="C")
Money = Numeric(18, 4)
Moment = DateTime(timezone=True)

# A customer's state: what has happened to them, where they stand, and when time alone will move them.
customers = Table(
    "customers",
    metadata,
    Column("customer_id", Id, primary_key=True),
    Column("partition", SmallInteger, nullable=False),
    Column("country", Text, nullable=False),
    Column("first_purchase_at", Moment),
    Column("last_purchase_at", Moment),
    Column("last_event_at", Moment, nullable=False),
    Column("frequency", Integer, nullable=False),
    Column("gross", Money, nullable=False),
    Column("returned", Money, nullable=False),
    Column("segment", Text),
    Column("segment_since", Moment),
    Column("sequence", Integer, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("next_change_at", Moment),
    Column("next_segment", Text),
    Index("customers_next_change", "partition", "next_change_at"),
    # The table lives on updates: room on each page lets most of them stay there (heap-only tuples).
    postgresql_with={"fillfactor": "70"},
)

# The ledger: what makes a duplicate harmless. An id is unique to its customer, so that what happens to one customer
# can never depend on another one, not even on whose record came first in two partitions.
transactions = Table(
    "transactions",
    metadata,
    Column("customer_id", Id, primary_key=True),
    Column("transaction_id", Id, primary_key=True),
    Column("occurred_at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", Money, nullable=False),
    Column("country", Text, nullable=False),
    # Rows come roughly in order of time, so that a few bytes for a block of pages find a stretch of it.
    Index("transactions_occurred_at", "occurred_at", postgresql_using="brin"),
)

# History and outbox: ``position`` numbers the changes of a partition in the order in which they are published.
segment_changes = Table(
    "segment_changes",
    metadata,
    Column("customer_id", Id, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("partition", SmallInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("from_segment", Text),
    Column("to_segment", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("effective_at", Moment, nullable=False),
    Column("recency_days", Integer, nullable=False),
    Column("frequency", Integer, nullable=False),
    Column("monetary", Money, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("transaction_id", Text),
    Index("segment_changes_outbox", "partition", "position", unique=True),
    Index("segment_changes_effective_at", "effective_at"),
)

models = Table(
    "models",
    metadata,
    Column("version", Text, primary_key=True),
    Column("spec", JSONB, nullable=False),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
)

model_aliases = Table(
    "model_aliases",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("version", Text, ForeignKey("models.version"), nullable=False),
)

# Per partition: how far the log has been read, under which model, and what has come of it. The offset means nothing
# without the identity of the log that it was read from.
stream_progress = Table(
    "stream_progress",
    metadata,
    Column("partition", SmallInteger, primary_key=True),
    Column("log_id", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("event_time", Moment),
    Column("model_version", Text, ForeignKey("models.version")),
    Column("model_since", Moment),
    Column("change_position", BigInteger, nullable=False, server_default="0"),
    Column("published_position", BigInteger, nullable=False, server_default="0"),
    Column("transactions", BigInteger, nullable=False, server_default="0"),
    Column("duplicates", BigInteger, nullable=False, server_default="0"),
    Column("late", BigInteger, nullable=False, server_default="0"),
    Column("dead_letters", BigInteger, nullable=False, server_default="0"),
    Column("committed_at", Moment, nullable=False, server_default=func.now()),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("log_id", Text, primary_key=True),
    Column("partition", SmallInteger, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("published", Boolean, nullable=False, server_default="false"),
    # When the original bytes were last put back into the transactions topic.
    Column("retried_at", Moment),
    Index("dead_letters_unpublished", "partition", postgresql_where="not published"),
)

# A replay by its dataset's name: what it says of itself about twice a second, and what an operator wants of it.
replay_control = Table(
    "replay_control",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("event_time", Moment, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("lag", BigInteger, nullable=False),
    # Event-time seconds per second; infinite is as fast as the worker follows.
    Column("speed", Double, nullable=False),
    Column("heartbeat_at", Moment, nullable=False, server_default=func.now()),
    Column("wanted_paused", Boolean, nullable=False, server_default="false"),
    # None is the speed that it was started with.
    Column("wanted_speed", Double),
)

# When a model's time on a partition was over; the one that is in force has its row in ``stream_progress``.
model_reigns = Table(
    "model_reigns",
    metadata,
    Column("partition", SmallInteger, primary_key=True),
    Column("until", Moment, primary_key=True),
    Column("model_version", Text, ForeignKey("models.version"), primary_key=True),
    Column("since", Moment),
)

# What a window of event time looked like to the model in force: one number a row, beside what it was in training.
drift_observations = Table(
    "drift_observations",
    metadata,
    Column("model_version", Text, ForeignKey("models.version"), primary_key=True),
    Column("window_end", Moment, primary_key=True),
    Column("measure", Text, primary_key=True),
    # The feature, the segment or the model that is measured; empty where there is only one of its kind.
    Column("name", Text, primary_key=True),
    Column("value", Double, nullable=False),
    Column("reference", Double),
    # Above it, or below it for a measure that falls, the world has moved.
    Column("threshold", Double),
    Column("customers", Integer, nullable=False),
    Column("alarm", Boolean, nullable=False),
)

# Outbox of the drift topic: what was raised, and whether the topic is known to have it.
drift_alarms = Table(
    "drift_alarms",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model_version", Text, ForeignKey("models.version"), nullable=False),
    Column("window_end", Moment, nullable=False),
    Column("measure", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Double, nullable=False),
    Column("reference", Double),
    Column("threshold", Double),
    Column("customers", Integer, nullable=False),
    Column("published", Boolean, nullable=False, server_default="false"),
)

# Per webhook and partition of the change topic: up to where it has been read, and which offsets before that wait for
# their delivery. The epoch goes up with every start, so that of two processes only the later one can go on.
webhook_progress = Table(
    "webhook_progress",
    metadata,
    Column("webhook", Id, primary_key=True),
    Column("partition", SmallInteger, primary_key=True),
    Column("log_id", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("waiting", ARRAY(BigInteger), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("saved_at", Moment, nullable=False, server_default=func.now()),
)

# Changes that a webhook's receiver would not take, word for word, and why; delivered, if a retry has made up for it.
webhook_dead_letters = Table(
    "webhook_dead_letters",
    metadata,
    Column("webhook", Id, primary_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_at", Moment, nullable=False, server_default=func.now()),
    Column("delivered_at", Moment),
)
