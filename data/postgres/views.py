"""Views for services: what the role ``segue_reader`` may read, in a schema of their own. No service reads the tables.

``docs/reading_from_postgres.md`` is their contract. Within v1 they only grow. ``CREATE OR REPLACE VIEW`` enforces it:
columns are added at the end, and none is removed or renamed or gets another type. They are made after every migration.
A migration that changes a column of a table which a view reads drops the view first.
"""

from collections.abc import Mapping

from data.postgres.aliases import CHAMPION
from data.postgres.rfm import MONETARY_OF_EACH
from data.postgres.view_schema import ViewSchema

SCHEMA = "segue_read"

_SEGMENTS = f"""
SELECT m.version AS model_version,
       s.segment ->> 'id' AS segment,
       s.segment ->> 'name' AS persona,
       s.segment ->> 'description' AS description,
       s.segment ->> 'action' AS action,
       s.segment ->> 'colour' AS colour,
       EXISTS (SELECT FROM model_aliases a WHERE a.alias = '{CHAMPION}' AND a.version = m.version) AS champion
FROM models m CROSS JOIN LATERAL jsonb_array_elements(m.spec -> 'segments') AS s (segment)
"""  # noqa: S608 - only constants
_CURRENT_SEGMENTS = f"""
WITH named AS (
    SELECT m.version, s.segment ->> 'id' AS segment, s.segment ->> 'name' AS persona
    FROM models m CROSS JOIN LATERAL jsonb_array_elements(m.spec -> 'segments') AS s (segment)
)
SELECT c.customer_id,
       c.segment,
       n.persona,
       c.segment_since AS since,
       l.cause,
       c.sequence,
       greatest(p.event_time, c.last_event_at) AS as_of,
       floor(extract(epoch FROM greatest(p.event_time, c.last_event_at) - c.last_purchase_at) / 86400)::integer
           AS recency_days,
       (CASE WHEN m.spec ? 'window_days' THEN w.frequency ELSE c.frequency END)::integer AS frequency,
       ({MONETARY_OF_EACH})::numeric(24, 4) AS monetary,
       t.gross::numeric(24, 4) AS gross,
       t.returned::numeric(24, 4) AS returned,
       c.first_purchase_at,
       c.last_purchase_at,
       c.next_change_at,
       c.next_segment,
       f.persona AS next_persona,
       c.country,
       c.model_version,
       (m.spec ->> 'window_days')::integer AS window_days
FROM customers c
LEFT JOIN stream_progress p ON p.partition = c.partition
LEFT JOIN models m ON m.version = c.model_version
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE o.kind = 'sale') AS frequency,
           coalesce(sum(o.amount) FILTER (WHERE o.kind = 'sale'), 0) AS gross,
           coalesce(sum(o.amount) FILTER (WHERE o.kind = 'return'), 0) AS returned
    FROM transactions o
    WHERE m.spec ? 'window_days' AND o.customer_id = c.customer_id
      AND o.occurred_at > greatest(p.event_time, c.last_event_at)
          - make_interval(hours => 24 * (m.spec ->> 'window_days')::integer)
) w ON true
CROSS JOIN LATERAL (
    SELECT CASE WHEN m.spec ? 'window_days' THEN w.gross ELSE c.gross END AS gross,
           CASE WHEN m.spec ? 'window_days' THEN w.returned ELSE c.returned END AS returned
) t
LEFT JOIN named n ON n.version = c.model_version AND n.segment = c.segment
LEFT JOIN named f ON f.version = c.model_version AND f.segment = c.next_segment
LEFT JOIN segment_changes l ON l.customer_id = c.customer_id AND l.sequence = c.sequence
"""  # noqa: S608 - only constants
_SEGMENT_CHANGES = """
WITH named AS (
    SELECT DISTINCT ON (s.segment ->> 'id') s.segment ->> 'id' AS segment, s.segment ->> 'name' AS persona
    FROM models m CROSS JOIN LATERAL jsonb_array_elements(m.spec -> 'segments') AS s (segment)
    ORDER BY s.segment ->> 'id', m.created_at DESC, m.version
)
SELECT c.customer_id,
       c.sequence,
       c.from_segment,
       b.persona AS from_persona,
       c.to_segment,
       a.persona AS to_persona,
       c.cause,
       c.effective_at,
       c.recency_days,
       c.frequency,
       c.monetary,
       c.gross,
       c.returned,
       c.model_version,
       c.transaction_id,
       c.partition,
       c.position
FROM segment_changes c
LEFT JOIN named b ON b.segment = c.from_segment
LEFT JOIN named a ON a.segment = c.to_segment
"""
_CURRENT_RISK_STATES = """
SELECT r.customer_id,
       r.state AS risk_state,
       r.since,
       l.cause,
       r.sequence,
       greatest(p.event_time, c.last_event_at) AS as_of,
       c.frequency,
       c.last_purchase_at,
       r.next_at,
       r.rhythm_version
FROM risk_states r
JOIN customers c ON c.customer_id = r.customer_id
LEFT JOIN stream_progress p ON p.partition = r.partition
LEFT JOIN risk_changes l ON l.customer_id = r.customer_id AND l.sequence = r.sequence
"""
_RISK_CHANGES = """
SELECT customer_id,
       sequence,
       from_state,
       to_state,
       cause,
       effective_at,
       frequency,
       last_purchase_at,
       next_state,
       next_at,
       rhythm_version,
       transaction_id,
       partition,
       position
FROM risk_changes
"""
#: The query of each view.
VIEWS: Mapping[str, str] = {
    "current_segments": _CURRENT_SEGMENTS,
    "segment_changes": _SEGMENT_CHANGES,
    "segments": _SEGMENTS,
    "current_risk_states": _CURRENT_RISK_STATES,
    "risk_changes": _RISK_CHANGES,
}
#: Rights by view: a service can read.
READER_RIGHTS: Mapping[str, str] = dict.fromkeys((f"{SCHEMA}.{name}" for name in VIEWS), "SELECT")

FOR_SERVICES = ViewSchema(SCHEMA, VIEWS, "Segue, for services: docs/reading_from_postgres.md")
