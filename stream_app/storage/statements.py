"""The SQL of the unit of work. Columns travel as arrays: one parameter per column, one row per aggregate.

Text columns are joined with the unit separator, which no id may contain. Money travels in ten-thousandths, and a
missing moment as infinity (see :mod:`stream_app.storage.arrays`).
"""

from data.postgres.aliases import CHAMPION
from models.rhythm.carried import METADATA_KEY

SEPARATOR = "\x1f"


def texts(name: str) -> str:
    """A parameter of joined texts as an array."""
    return f"string_to_array(%({name})s::text, E'\\x1f')"


_PROGRESS_COLUMNS = """partition, log_id, next_offset, epoch, event_time, model_version, model_since,
  change_position, published_position, last_offset, last_timestamp, last_checksum, control_number,
  began_without_model, risk_position, risk_published_position"""

PROGRESS = f"SELECT {_PROGRESS_COLUMNS} FROM stream_progress WHERE partition = %(partition)s"

CURRENCY = "SELECT currency FROM stream_currency FOR SHARE"

# All connections of one partition have the same name. A worker can end only connections of its own Postgres user.
END_PREDECESSORS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user
  AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()
"""

# For the current transaction: Postgres refuses the claim of a worker that is too old for the tables or for the log.
ANNOUNCE = "SELECT set_config('segue.schema_version', %(schema_version)s, true)"

_CHAMPION = f"(SELECT version FROM model_aliases WHERE alias = '{CHAMPION}')"

# A partition that has begun without a model gets its first one from the log, as its customers have a place in it.
CLAIM = f"""
INSERT INTO stream_progress AS progress (partition, log_id, next_offset, epoch, owner, model_version)
VALUES (%(partition)s, %(log_id)s, 0, 1, %(owner)s, {_CHAMPION})
ON CONFLICT (partition) DO UPDATE SET
  epoch = progress.epoch + 1,
  owner = excluded.owner,
  model_version = CASE WHEN progress.began_without_model THEN progress.model_version
    ELSE coalesce(progress.model_version, excluded.model_version) END
RETURNING {_PROGRESS_COLUMNS}
"""

# Because of the lock that `model_registry.register` takes, this either sees the first champion, or is seen by the
# process that registers it.
BEGIN = f"""
UPDATE stream_progress SET model_version = {_CHAMPION}, began_without_model = {_CHAMPION} IS NULL
WHERE partition = %(partition)s AND epoch = %(epoch)s AND model_version IS NULL AND NOT began_without_model
RETURNING {_PROGRESS_COLUMNS}
"""

# After a fault of the log, or in another log, the offsets belong to other records.
CONTINUE_IN_LOG = """
UPDATE stream_progress SET log_id = %(log_id)s, next_offset = %(next_offset)s,
  control_number = CASE WHEN log_id = %(log_id)s THEN control_number ELSE 0 END,
  last_offset = NULL, last_timestamp = NULL, last_checksum = NULL
WHERE partition = %(partition)s AND log_id = %(known_log_id)s AND epoch = %(epoch)s AND next_offset = %(known_offset)s
"""

ADD_LOG_FAULT = """
INSERT INTO log_faults (log_id, partition, kind, first_offset, end_offset)
VALUES (%(known_log_id)s, %(partition)s, %(kind)s, %(first_offset)s, %(end_offset)s)
"""

PERSONAS = "SELECT segment->>'id', segment->>'name' FROM models, jsonb_array_elements(spec->'segments') AS segment"

# Of the metadata, a worker needs the rhythm model alone.
MODEL = f"SELECT (spec - 'metadata')::text, (spec->'metadata'->'{METADATA_KEY}')::text FROM models WHERE version = %s"

_LEDGER = """
SELECT customer_id, transaction_id, (extract(epoch FROM occurred_at) * 1000000)::int8, kind, (amount * 10000)::int8,
  revision
"""

KNOWN = f"""
{_LEDGER}
FROM unnest({texts("customer")}, {texts("transaction")}) AS batch (customer_id, transaction_id)
JOIN transactions USING (customer_id, transaction_id)
"""

LEDGER_OF_CUSTOMERS = f"""
{_LEDGER} FROM unnest({texts("customer")}) AS asked (customer_id) JOIN transactions USING (customer_id)
"""

AGGREGATES = """
SELECT array_agg(customer_id), array_agg(country),
  array_agg(coalesce(first_purchase_at, 'infinity')), array_agg(coalesce(last_purchase_at, '-infinity')),
  array_agg(last_event_at), array_agg(frequency::int8),
  array_agg((gross * 10000)::int8), array_agg((returned * 10000)::int8),
  array_agg(segment), array_agg(coalesce(segment_since, 'infinity')), array_agg(sequence::int8),
  array_agg(coalesce(next_change_at, 'infinity')), array_agg(next_segment),
  array_agg(partition::int8), array_agg(model_version)
"""

TOUCHED = f"touched AS MATERIALIZED (SELECT {texts('customer')} AS ids)"

# NOT IN builds a hash table of the touched customers once; <> ALL would compare every due customer with each of them.
# Continuing from the last moment skips the index entries of customers whose decay was committed in earlier slices. The
# order has no customer id: all customers of one moment would be sorted for each slice.
DUE = """due AS (
  SELECT * FROM customers
  WHERE partition = %(partition)s AND next_change_at <= %(watermark)s
    AND next_change_at >= coalesce(%(start)s::timestamptz, '-infinity')
    AND customer_id NOT IN (SELECT unnest(ids) FROM touched)
  ORDER BY next_change_at LIMIT %(limit)s
)"""

# An index looks a whole array up in order, which takes half the time of as many single customers.
PROFILES = f"""
WITH {TOUCHED}, {DUE},
loaded AS (
  SELECT customers.* FROM touched, customers WHERE customer_id = ANY (touched.ids)
  UNION ALL
  SELECT * FROM due
)
{AGGREGATES} FROM loaded
"""

# The index on partition and next_change_at has the answer as its first entry.
NEXT_DUE = """
SELECT (extract(epoch FROM min(next_change_at)) * 1000000)::int8 FROM customers WHERE partition = %(partition)s
"""

DUE_PROFILES = f"WITH {TOUCHED}, {DUE} {AGGREGATES} FROM due"

OUTDATED = "model_version IS DISTINCT FROM %(model_version)s"

OUTDATED_PROFILES = f"""
WITH loaded AS (
  SELECT * FROM customers
  WHERE partition = %(partition)s AND {OUTDATED} AND customer_id > %(after)s
  ORDER BY customer_id LIMIT %(limit)s
)
{AGGREGATES} FROM loaded
"""

# What can still expire of each customer; the number is the customer's place among those who were asked for.
COUNTED = f"""
SELECT array_agg(number - 1), array_agg(occurred_at), array_agg((kind = 'sale')::int4::int8),
  array_agg((amount * 10000)::int8)
FROM unnest({texts("customer")}, %(after)s) WITH ORDINALITY AS loaded (customer_id, after, number)
JOIN transactions USING (customer_id) WHERE occurred_at > after AND kind <> 'cancelled'
"""

_LEDGER_BATCH = f"""
unnest({texts("customer_id")}, {texts("transaction_id")}, %(occurred_at)s, {texts("kind")}, %(amount)s,
  {texts("country")}, %(revision)s)
AS batch (customer_id, transaction_id, occurred_at, kind, amount, country, revision)
"""

ADD_TRANSACTIONS = f"""
INSERT INTO transactions (customer_id, transaction_id, occurred_at, kind, amount, country, revision)
SELECT customer_id, transaction_id, occurred_at, kind, amount * 0.0001, country, revision FROM {_LEDGER_BATCH}
"""

# A worker may change the ledger through this function only, and only to a later revision.
REVISE = f"""
SELECT count(segue_revise(customer_id, transaction_id, occurred_at, kind, amount * 0.0001, country, revision))
FROM {_LEDGER_BATCH}
"""

SAVE_PROFILES = f"""
INSERT INTO customers (customer_id, partition, country, first_purchase_at, last_purchase_at, last_event_at, frequency,
  gross, returned, segment, segment_since, sequence, model_version, next_change_at, next_segment)
SELECT customer_id, %(partition)s, country, nullif(first_purchase_at, 'infinity'),
  nullif(last_purchase_at, '-infinity'), last_event_at, frequency, gross * 0.0001, returned * 0.0001,
  nullif(segment, ''), nullif(segment_since, 'infinity'), sequence, %(model_version)s,
  nullif(next_change_at, 'infinity'), nullif(next_segment, '')
FROM unnest({texts("customer_id")}, {texts("country")}, %(first_purchase_at)s, %(last_purchase_at)s,
  %(last_event_at)s, %(frequency)s, %(gross)s, %(returned)s, {texts("segment")}, %(segment_since)s, %(sequence)s,
  %(next_change_at)s, {texts("next_segment")})
AS batch (customer_id, country, first_purchase_at, last_purchase_at, last_event_at, frequency, gross, returned,
  segment, segment_since, sequence, next_change_at, next_segment)
ON CONFLICT (customer_id) DO UPDATE SET country = excluded.country, first_purchase_at = excluded.first_purchase_at,
  last_purchase_at = excluded.last_purchase_at, last_event_at = excluded.last_event_at,
  frequency = excluded.frequency, gross = excluded.gross, returned = excluded.returned, segment = excluded.segment,
  segment_since = excluded.segment_since, sequence = excluded.sequence, model_version = excluded.model_version,
  next_change_at = excluded.next_change_at, next_segment = excluded.next_segment
"""

ADD_CHANGES = f"""
INSERT INTO segment_changes (customer_id, sequence, partition, position, from_segment, to_segment, cause, effective_at,
  recency_days, frequency, monetary, gross, returned, model_version, transaction_id)
SELECT customer_id, sequence, %(partition)s, %(position)s + ordinality, nullif(from_segment, ''), to_segment, cause,
  effective_at, recency_days, frequency, monetary * 0.0001, gross * 0.0001, returned * 0.0001, %(model_version)s,
  nullif(transaction_id, '')
FROM unnest({texts("customer_id")}, %(sequence)s, {texts("from_segment")}, {texts("to_segment")}, {texts("cause")},
  %(effective_at)s, %(recency_days)s, %(frequency)s, %(monetary)s, %(gross)s, %(returned)s,
  {texts("transaction_id")}) WITH ORDINALITY
AS batch (customer_id, sequence, from_segment, to_segment, cause, effective_at, recency_days, frequency, monetary,
  gross, returned, transaction_id, ordinality)
"""

# A log that was restored to an older copy can have another record at an offset that was a dead letter before. The row
# of the first one stays, since a worker may not change it; the dead letter topic gets both.
ADD_DEAD_LETTER = """
INSERT INTO dead_letters (log_id, partition, "offset", reason, key, value)
VALUES (%(log_id)s, %(partition)s, %(offset)s, %(reason)s, %(key)s, %(value)s)
ON CONFLICT (log_id, partition, "offset") DO NOTHING
"""

ADD_MODEL = "INSERT INTO models (version, spec) VALUES (%s, %s::jsonb) ON CONFLICT (version) DO NOTHING"

ACTIVATED = """
SELECT count(*) FROM model_activations
WHERE partition = %(partition)s AND model_version = %(model_version)s AND activated_at = %(activated_at)s
"""

ADD_ACTIVATION = """
INSERT INTO model_activations (partition, model_version, activated_at)
VALUES (%(partition)s, %(model_version)s, %(activated_at)s) ON CONFLICT DO NOTHING
"""

# The model period that an activation ends. The progress row still has the old model when this statement runs.
ADD_MODEL_PERIOD = """
INSERT INTO model_reigns (partition, until, model_version, since)
SELECT partition, %(until)s, model_version, model_since FROM stream_progress
WHERE partition = %(partition)s AND model_version IS NOT NULL
ON CONFLICT DO NOTHING
"""

ADVANCE = """
UPDATE stream_progress SET next_offset = %(next_offset)s, event_time = %(event_time)s,
  model_version = %(model_version)s, model_since = %(model_since)s,
  change_position = %(change_position)s, published_position = %(published_position)s,
  risk_position = %(risk_position)s, risk_published_position = %(risk_published_position)s,
  control_number = %(control_number)s,
  transactions = transactions + %(transactions)s, duplicates = duplicates + %(duplicates)s,
  late = late + %(late)s, dead_letters = dead_letters + %(dead_letters)s, forgotten = forgotten + %(forgotten)s,
  revisions = revisions + %(revisions)s,
  committed_at = now(),
  last_offset = %(last_offset)s, last_timestamp = %(last_timestamp)s, last_checksum = %(last_checksum)s,
  failures = 0, failure = NULL, failing_since = NULL
WHERE partition = %(partition)s AND log_id = %(log_id)s AND epoch = %(epoch)s AND next_offset = %(expected_offset)s
  AND change_position = %(expected_position)s AND risk_position = %(expected_risk_position)s
"""

FAILURE_STATE = """
SELECT extract(epoch FROM now() - committed_at), failures, failure FROM stream_progress WHERE partition = %(partition)s
"""

SAVE_FAILURE = """
UPDATE stream_progress
SET failures = %(failures)s, failure = %(failure)s, failing_since = coalesce(failing_since, now())
WHERE partition = %(partition)s AND epoch = %(epoch)s
"""

CLEAR_FAILURES = """
UPDATE stream_progress SET failures = 0, failure = NULL, failing_since = NULL
WHERE partition = %(partition)s AND epoch = %(epoch)s
"""

SKIPPED = """
SELECT "offset", reason FROM skipped_records
WHERE partition = %(partition)s AND log_id = %(log_id)s AND "offset" >= %(next_offset)s
"""

MARK_PUBLISHED = """
UPDATE stream_progress SET published_position = greatest(published_position, %(position)s),
  risk_published_position = greatest(risk_published_position, %(risk_published_position)s),
  changes_ahead = coalesce(%(changes_ahead)s, changes_ahead),
  risk_changes_ahead = coalesce(%(risk_changes_ahead)s, risk_changes_ahead)
WHERE partition = %(partition)s AND epoch = %(epoch)s AND next_offset = %(next_offset)s
  AND change_position = %(change_position)s AND risk_position = %(risk_position)s
"""

SAVE_CHANGES_AHEAD = """
UPDATE stream_progress SET changes_ahead = %(changes)s
WHERE partition = %(partition)s AND epoch = %(epoch)s AND changes_ahead <> %(changes)s
"""

SAVE_RISK_CHANGES_AHEAD = """
UPDATE stream_progress SET risk_changes_ahead = %(changes)s
WHERE partition = %(partition)s AND epoch = %(epoch)s AND risk_changes_ahead <> %(changes)s
"""

MARK_DEAD_LETTERS_PUBLISHED = """
UPDATE dead_letters SET published = true
WHERE partition = %(partition)s AND (log_id <> %(log_id)s OR "offset" < %(next_offset)s) AND NOT published
"""

ERASURE_KEY = "SELECT key FROM erasure_key"

FORGOTTEN = "SELECT hash FROM erasures WHERE partition = %(partition)s"

ERASE = "SELECT segue_erase(%(customer)s::text, %(hash)s::bytea, %(partition)s::smallint, %(position)s::bigint)"

# A tombstone that is known to be published no longer needs the id.
CLEAR_TOMBSTONES = """
UPDATE erasures SET customer_id = NULL
WHERE partition = %(partition)s AND position <= %(position)s AND customer_id IS NOT NULL
"""

OUTBOX = """
(SELECT position, customer_id, sequence, from_segment, to_segment, cause,
  (extract(epoch FROM effective_at) * 1000000)::int8, recency_days, frequency, (monetary * 10000)::int8,
  model_version, transaction_id, (gross * 10000)::int8, (returned * 10000)::int8
FROM segment_changes WHERE partition = %(partition)s AND position > %(after)s ORDER BY position LIMIT %(limit)s)
UNION ALL
SELECT position, customer_id, 0, NULL, '', 'erasure', 0, 0, 0, 0, '', NULL, NULL, NULL
FROM erasures WHERE partition = %(partition)s AND position > %(after)s AND customer_id IS NOT NULL
ORDER BY position LIMIT %(limit)s
"""

POSITION = """
SELECT position FROM segment_changes
WHERE customer_id = %(customer_id)s AND sequence = %(sequence)s AND partition = %(partition)s
  AND effective_at = %(effective_at)s AND to_segment = %(to)s
"""

RISK_OUTBOX = """
SELECT position, customer_id, sequence, from_state, to_state, cause,
  (extract(epoch FROM effective_at) * 1000000)::int8, frequency,
  (extract(epoch FROM last_purchase_at) * 1000000)::int8, next_state, (extract(epoch FROM next_at) * 1000000)::int8,
  rhythm_version, transaction_id
FROM risk_changes WHERE partition = %(partition)s AND position > %(after)s ORDER BY position LIMIT %(limit)s
"""

RISK_POSITION = """
SELECT position FROM risk_changes
WHERE customer_id = %(customer_id)s AND sequence = %(sequence)s AND partition = %(partition)s
  AND effective_at = %(effective_at)s AND to_state IS NOT DISTINCT FROM %(to)s::text
"""


def _change_at(table: str) -> str:
    # The change itself may have been deleted with its customer.
    return f"""
SELECT customer_id, sequence FROM {table} WHERE partition = %(partition)s AND position <= %(position)s
  AND (position = %(position)s OR EXISTS (SELECT FROM erasures WHERE partition = %(partition)s))
ORDER BY position DESC LIMIT 1
"""


def _sequences(table: str) -> str:
    return f"""
SELECT customer_id, max(sequence) FROM {table} JOIN unnest({texts("customer")}) AS asked (customer_id)
  USING (customer_id)
WHERE partition = %(partition)s AND position <= %(position)s GROUP BY customer_id
"""


CHANGE_AT, RISK_CHANGE_AT = _change_at("segment_changes"), _change_at("risk_changes")
SEQUENCES, RISK_SEQUENCES = _sequences("segment_changes"), _sequences("risk_changes")

UNPUBLISHED_DEAD_LETTERS = """
SELECT "offset", reason, key, value, log_id FROM dead_letters
WHERE partition = %(partition)s AND NOT published ORDER BY log_id = %(log_id)s, log_id, "offset"
"""
