"""The tables. Every number that decides a segment is exact: money is NUMERIC, time is timestamptz."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
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
# Room for any sum of valid amounts.
Money = Numeric(24, 4)
Moment = DateTime(timezone=True)

# Profiles: a customer's dates, frequency, money and segment, and when decay will change the segment next.
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
    # Null while the partition has no model.
    Column("model_version", Text),
    Column("next_change_at", Moment),
    Column("next_segment", Text),
    Index("customers_next_change", "partition", "next_change_at"),
    # Rows are updated often: free space on each page allows most updates to stay on it (heap-only tuples).
    postgresql_with={"fillfactor": "70"},
)

# The ledger, which makes a repeated record harmless. A transaction id is unique per customer, so that one customer's
# segment never depends on another customer's records or on the order of records in two partitions.
transactions = Table(
    "transactions",
    metadata,
    Column("customer_id", Id, primary_key=True),
    Column("transaction_id", Id, primary_key=True),
    Column("occurred_at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", Money, nullable=False),
    Column("country", Text, nullable=False),
    # The revision of this content. Its kind is `cancelled` if the order is gone; then it counts nothing.
    Column("revision", BigInteger, nullable=False, server_default="0"),
    # Rows arrive roughly in order of event time, which a BRIN index makes use of with a few bytes per block of pages.
    Index("transactions_occurred_at", "occurred_at", postgresql_using="brin"),
)

# History and outbox: ``position`` numbers the changes of a partition in the order of publishing.
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
    # Null in rows that were written before these columns existed.
    Column("gross", Money),
    Column("returned", Money),
    Column("model_version", Text, nullable=False),
    Column("transaction_id", Text),
    Index("segment_changes_outbox", "partition", "position", unique=True),
    Index("segment_changes_effective_at", "effective_at"),
)

# Risk states: each customer's state under the active rhythm model, and when silence begins the next one. A row comes
# with the customer's first risk change; a partition whose models carry no rhythm model has none.
risk_states = Table(
    "risk_states",
    metadata,
    Column("customer_id", Id, primary_key=True),
    Column("partition", SmallInteger, nullable=False),
    # Null while the customer has no order, or no rhythm model is active any more.
    Column("state", Text),
    Column("since", Moment),
    # The number of the customer's last risk change.
    Column("sequence", Integer, nullable=False),
    # Null if silence changes nothing any more.
    Column("next_at", Moment),
    Column("rhythm_version", Text),
    Index("risk_states_next_at", "partition", "next_at"),
    postgresql_with={"fillfactor": "70"},
)

# History and outbox of risk changes; positions are numbered apart from those of segment changes.
risk_changes = Table(
    "risk_changes",
    metadata,
    Column("customer_id", Id, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("partition", SmallInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text),
    Column("cause", Text, nullable=False),
    Column("effective_at", Moment, nullable=False),
    Column("frequency", Integer, nullable=False),
    Column("last_purchase_at", Moment),
    # What silence alone leads to after the change.
    Column("next_state", Text),
    Column("next_at", Moment),
    Column("rhythm_version", Text),
    Column("transaction_id", Text),
    Index("risk_changes_outbox", "partition", "position", unique=True),
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

# The currency of all amounts, which the first worker writes: one row, or none before.
stream_currency = Table(
    "stream_currency",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1"), primary_key=True, server_default="1", autoincrement=False),
    Column("currency", Text, nullable=False),
)

# One row: the schema version of the tables, and the one that a worker must have at least to claim a partition.
schema_versions = Table(
    "schema_versions",
    metadata,
    Column("id", SmallInteger, CheckConstraint("id = 1"), primary_key=True, server_default="1", autoincrement=False),
    Column("database", SmallInteger, nullable=False),
    Column("oldest_worker", SmallInteger, nullable=False),
)

# Per partition: the next offset, the fencing epoch, the watermark, the active model, and counters. The offset is valid
# only for the log with this log id.
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
    # Changes in the change topic that this database does not have: it was restored to an older copy.
    Column("changes_ahead", BigInteger, nullable=False, server_default="0"),
    Column("transactions", BigInteger, nullable=False, server_default="0"),
    Column("duplicates", BigInteger, nullable=False, server_default="0"),
    Column("late", BigInteger, nullable=False, server_default="0"),
    Column("dead_letters", BigInteger, nullable=False, server_default="0"),
    # Records of forgotten customers that were dropped.
    Column("forgotten", BigInteger, nullable=False, server_default="0"),
    # Revisions that have replaced a transaction.
    Column("revisions", BigInteger, nullable=False, server_default="0"),
    Column("committed_at", Moment, nullable=False, server_default=func.now()),
    # Failures in a row; only a commit resets them.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failure", Text),
    Column("failing_since", Moment),
    # The number of the newest control record that was accepted.
    Column("control_number", BigInteger, nullable=False, server_default="0"),
    # The fingerprint of the last applied record: its offset, timestamp (milliseconds) and checksum.
    Column("last_offset", BigInteger),
    Column("last_timestamp", BigInteger),
    Column("last_checksum", BigInteger),
    # Whether records were applied before there was a model; then the log brings the first one.
    Column("began_without_model", Boolean, nullable=False, server_default="false"),
    # That of the worker which has claimed the partition; null before the first claim since the column exists.
    Column("schema_version", SmallInteger),
    # Like change_position, published_position and changes_ahead, of risk changes.
    Column("risk_position", BigInteger, nullable=False, server_default="0"),
    Column("risk_published_position", BigInteger, nullable=False, server_default="0"),
    Column("risk_changes_ahead", BigInteger, nullable=False, server_default="0"),
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
    # When the original bytes were last requeued.
    Column("retried_at", Moment),
    Column("at", Moment, nullable=False, server_default=func.now()),
    # When an operator discarded it, which Postgres user that was, and why.
    Column("discarded_at", Moment),
    Column("discarded_by", Text),
    Column("discarded_why", Text),
    Index("dead_letters_unpublished", "partition", postgresql_where="not published"),
)

# Forgotten customers: a keyed hash of the id, the place of the tombstone in the partition's outbox, and the numbers of
# deleted rows. The id itself stays until the tombstone is published.
erasures = Table(
    "erasures",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("partition", SmallInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("customer_id", Id),
    Column("transactions", BigInteger, nullable=False),
    Column("changes", BigInteger, nullable=False),
    Column("dead_letters", BigInteger, nullable=False),
    Column("erased_at", Moment, nullable=False, server_default=func.now()),
    Column("risk_changes", BigInteger, nullable=False, server_default="0"),
)

# The key of these hashes, in one row that the migration makes.
erasure_key = Table("erasure_key", metadata, Column("key", LargeBinary, primary_key=True))

# Faults of the log. ``kind`` is truncated (the log ends before the stored next offset), recreated (the topic has
# another id) or deleted (records from first_offset up to end_offset were deleted before they were read).
log_faults = Table(
    "log_faults",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("log_id", Text, nullable=False),
    Column("partition", SmallInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("end_offset", BigInteger, nullable=False),
    Column("noticed_at", Moment, nullable=False, server_default=func.now()),
    Column("resolved_at", Moment),
)

# Records that an operator has skipped, and why.
skipped_records = Table(
    "skipped_records",
    metadata,
    Column("log_id", Text, primary_key=True),
    Column("partition", SmallInteger, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", Moment, nullable=False, server_default=func.now()),
)

# Activations that a partition has applied; ``activated_at`` is the timestamp of the activation's record.
model_activations = Table(
    "model_activations",
    metadata,
    Column("partition", SmallInteger, primary_key=True),
    Column("model_version", Text, ForeignKey("models.version"), primary_key=True),
    Column("activated_at", Moment, primary_key=True),
)

# A replay by the name of its dataset: its heartbeat about twice a second, and what an operator requests.
replay_control = Table(
    "replay_control",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("event_time", Moment, nullable=False),
    Column("sent", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("lag", BigInteger, nullable=False),
    # Event-time seconds per second; infinite means as fast as the workers follow.
    Column("speed", Double, nullable=False),
    Column("heartbeat_at", Moment, nullable=False, server_default=func.now()),
    Column("wanted_paused", Boolean, nullable=False, server_default="false"),
    # None means the speed that the replay was started with.
    Column("wanted_speed", Double),
)

# Model periods that are over, by partition; ``stream_progress`` has the active model.
model_reigns = Table(
    "model_reigns",
    metadata,
    Column("partition", SmallInteger, primary_key=True),
    Column("until", Moment, primary_key=True),
    Column("model_version", Text, ForeignKey("models.version"), primary_key=True),
    Column("since", Moment),
)

# Drift measurements of a window of event time, one per row, beside their values at the model's training.
drift_observations = Table(
    "drift_observations",
    metadata,
    Column("model_version", Text, ForeignKey("models.version"), primary_key=True),
    Column("window_end", Moment, primary_key=True),
    Column("measure", Text, primary_key=True),
    # The feature, the segment or the model that is measured; empty for a measure that has only one.
    Column("name", Text, primary_key=True),
    Column("value", Double, nullable=False),
    Column("reference", Double),
    # Where drift begins: above it, or below it for a measure that falls.
    Column("threshold", Double),
    Column("customers", Integer, nullable=False),
    Column("alarm", Boolean, nullable=False),
)

# The outbox of the drift topic: alarms, and whether the topic is known to have them.
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

# Per webhook and partition of its topic: the next offset, and the offsets before it whose deliveries are not finished.
# Every start raises the epoch, which fences an older process. The log id also says which kind of changes the webhook
# delivers: see data/postgres/webhooks.py.
webhook_progress = Table(
    "webhook_progress",
    metadata,
    Column("webhook", Id, primary_key=True),
    Column("partition", SmallInteger, primary_key=True),
    Column("log_id", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("waiting", ARRAY(BigInteger), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    # Changes that have been delivered.
    Column("delivered", BigInteger, nullable=False, server_default="0"),
    Column("saved_at", Moment, nullable=False, server_default=func.now()),
)

# Changes that a webhook has abandoned: the event's bytes, and the reason. ``delivered_at`` is when a retry succeeded.
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

# Keys of the HTTP API: what each allows, and its hash.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
    Column("revoked_at", Moment),
)

# What operators and the command line did, and what was downloaded. Rows are added by the function `segue_audit` only.
# An act that takes time has two rows: the second one names the first by ``act_id``, and says how it ended.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("act_id", BigInteger),
    Column("at", Moment, nullable=False, server_default=func.now()),
    # The stream's event time at that moment.
    Column("event_time", Moment),
    # Who it was, by their login or by the operating system; the e-mail address of a login; and in which role.
    Column("subject", Text, nullable=False),
    Column("email", Text),
    Column("role", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    Column("outcome", Text, nullable=False),
    # The Postgres user that the row was written as.
    Column("database_user", Text, nullable=False),
    CheckConstraint("outcome IN ('begun', 'done', 'failed')", name="audit_outcome"),
    # How an act ended is looked up for each one that is listed.
    Index("audit_act_id", "act_id", postgresql_where="act_id IS NOT NULL"),
)

# The masked id of every customer, which triggers add and delete: a page for someone who may not see ids looks customers
# up by it.
customer_masks = Table(
    "customer_masks",
    metadata,
    Column("customer_id", Id, primary_key=True),
    Column("mask", Id, nullable=False),
    Index("customer_masks_mask", "mask"),
)

# The key of masked ids, in one row that the migration makes: xor-ed with the two pads of HMAC.
mask_key = Table(
    "mask_key",
    metadata,
    Column("inner_pad", LargeBinary, primary_key=True),
    Column("outer_pad", LargeBinary, nullable=False),
)

# Audiences: named definitions of groups of customers, as `models.audience_text` writes them. No row has a customer.
audiences = Table(
    "audiences",
    metadata,
    Column("name", Id, primary_key=True),
    Column("definition", Text, nullable=False),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
    Column("changed_at", Moment, nullable=False, server_default=func.now()),
)

# Campaigns: what was fixed at the start of each. ``started_at`` is event time. The key decides who is held out; treated
# and held_out are the numbers of customers at the start. Postgres is the truth; published says that the topic has it.
campaigns = Table(
    "campaigns",
    metadata,
    Column("name", Id, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("holdout", Double, nullable=False),
    Column("horizon_days", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("treated", BigInteger, nullable=False),
    Column("held_out", BigInteger, nullable=False),
    # The share of these customers who bought in a usual stretch of the horizon before; null if nothing is known.
    Column("base_share", Double),
    Column("published", Boolean, nullable=False, server_default="false"),
)

# The customers of a campaign, frozen at its start: the group, and the segment then. ``number`` is an order of customers
# that says nothing about who they are. A trigger deletes the rows of a customer who is forgotten.
campaign_members = Table(
    "campaign_members",
    metadata,
    Column("campaign", Id, ForeignKey("campaigns.name"), primary_key=True),
    Column("customer_id", Id, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("held_out", Boolean, nullable=False),
    Column("segment", Text),
    Index("campaign_members_customer", "customer_id"),
)
