"""The SQL of the unit of work where customers have risk states. Other partitions never execute any of it."""

from models.rhythm.risk import RISK_STATES
from stream_app.storage.statements import AGGREGATES, DUE, OUTDATED, TOUCHED, texts

_STATES = f"ARRAY[{', '.join(repr(state) for state in RISK_STATES)}]"

# The number of a state is its place in the array, from 0; -1 is no state.
_RISK_AGGREGATES = f"""
  array_agg((coalesce(array_position({_STATES}, risk_state), 0) - 1)::int8),
  array_agg(coalesce(risk_since, '-infinity')), array_agg(coalesce(risk_sequence, 0)::int8),
  array_agg(coalesce(risk_next_at, 'infinity')),
  array_agg((rhythm_version IS NOT DISTINCT FROM %(rhythm_version)s::text)::int4::int8)
"""

_WITH_RISK = """
loaded LEFT JOIN (
  SELECT customer_id, state AS risk_state, since AS risk_since, sequence AS risk_sequence, next_at AS risk_next_at,
    rhythm_version
  FROM risk_states
) AS risk USING (customer_id)
"""

_LOADED = f"{AGGREGATES}, {_RISK_AGGREGATES} FROM {_WITH_RISK}"

# As the due decay is found in :data:`stream_app.storage.statements.DUE`.
_DUE_BY_RISK = """due_by_risk AS (
  SELECT customer_id FROM risk_states
  WHERE partition = %(partition)s AND next_at <= %(watermark)s
    AND next_at >= coalesce(%(start)s::timestamptz, '-infinity')
    AND customer_id NOT IN (SELECT unnest(ids) FROM touched)
  ORDER BY next_at LIMIT %(limit)s
)"""

PROFILES = f"""
WITH {TOUCHED}, {DUE}, {_DUE_BY_RISK},
loaded AS (
  SELECT customers.* FROM touched, customers WHERE customer_id = ANY (touched.ids)
  UNION ALL
  SELECT * FROM due
  UNION ALL
  SELECT customers.* FROM due_by_risk JOIN customers USING (customer_id)
  WHERE customer_id NOT IN (SELECT customer_id FROM due)
)
{_LOADED}
"""

# Each index has its part of the answer as its first entry.
NEXT_DUE = """
SELECT (extract(epoch FROM least(
  (SELECT min(next_change_at) FROM customers WHERE partition = %(partition)s),
  (SELECT min(next_at) FROM risk_states WHERE partition = %(partition)s)
)) * 1000000)::int8
"""

DUE_PROFILES = f"WITH {TOUCHED}, {DUE}, loaded AS (SELECT * FROM due) {_LOADED}"

DUE_BY_RISK_PROFILES = f"""
WITH {TOUCHED}, {_DUE_BY_RISK},
loaded AS (SELECT customers.* FROM due_by_risk JOIN customers USING (customer_id))
{_LOADED}
"""

OUTDATED_PROFILES = f"""
WITH loaded AS (
  SELECT customers.* FROM customers LEFT JOIN risk_states AS risk USING (customer_id)
  WHERE customers.partition = %(partition)s AND customer_id > %(after)s
    AND ({OUTDATED} OR (risk.rhythm_version IS DISTINCT FROM %(rhythm_version)s::text
      AND (frequency > 0 OR risk.sequence IS NOT NULL)))
  ORDER BY customer_id LIMIT %(limit)s
)
{_LOADED}
"""

SAVE_RISKS = f"""
INSERT INTO risk_states (customer_id, partition, state, since, sequence, next_at, rhythm_version)
SELECT customer_id, %(partition)s, ({_STATES})[(state + 1)::int4], since, sequence, nullif(next_at, 'infinity'),
  %(rhythm_version)s::text
FROM unnest({texts("customer_id")}, %(state)s, %(since)s, %(sequence)s, %(next_at)s)
AS batch (customer_id, state, since, sequence, next_at)
ON CONFLICT (customer_id) DO UPDATE SET state = excluded.state, since = excluded.since, sequence = excluded.sequence,
  next_at = excluded.next_at, rhythm_version = excluded.rhythm_version
"""

ADD_RISK_CHANGES = f"""
INSERT INTO risk_changes (customer_id, sequence, partition, position, from_state, to_state, cause, effective_at,
  frequency, last_purchase_at, next_state, next_at, rhythm_version, transaction_id)
SELECT customer_id, sequence, %(partition)s, %(position)s + ordinality, nullif(from_state, ''), nullif(to_state, ''),
  cause, effective_at, frequency, nullif(last_purchase_at, '-infinity'), nullif(next_state, ''),
  nullif(next_at, 'infinity'), %(rhythm_version)s::text, nullif(transaction_id, '')
FROM unnest({texts("customer_id")}, %(sequence)s, {texts("from_state")}, {texts("to_state")}, {texts("cause")},
  %(effective_at)s, %(frequency)s, %(last_purchase_at)s, {texts("next_state")}, %(next_at)s,
  {texts("transaction_id")}) WITH ORDINALITY
AS batch (customer_id, sequence, from_state, to_state, cause, effective_at, frequency, last_purchase_at, next_state,
  next_at, transaction_id, ordinality)
"""
