"""Views for services: what the role ``segue_reader`` may read, in a schema of their own. No service reads the tables.

``docs/reading_from_postgres.md`` is their contract. Within v1 they only grow. ``CREATE OR REPLACE VIEW`` enforces it:
columns are added at the end, and none is removed or renamed or gets another type. They are made after every migration.
A migration that changes a column of a table which a view reads drops the view first.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import LiteralString

from psycopg import errors, sql

from data.postgres.public_rights import AnyConnection

SCHEMA = "segue_read"
_USE = "GRANT USAGE ON SCHEMA {} TO {}"

_SEGMENTS = """
SELECT m.version AS model_version,
       s.segment ->> 'id' AS segment,
       s.segment ->> 'name' AS persona,
       s.segment ->> 'description' AS description,
       s.segment ->> 'action' AS action,
       s.segment ->> 'colour' AS colour,
       EXISTS (SELECT FROM model_aliases a WHERE a.alias = 'champion' AND a.version = m.version) AS champion
FROM models m CROSS JOIN LATERAL jsonb_array_elements(m.spec -> 'segments') AS s (segment)
"""
_CURRENT_SEGMENTS = """
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
       c.frequency,
       (CASE m.spec ->> 'monetary' WHEN 'net' THEN greatest(c.gross - c.returned, 0) WHEN 'gross' THEN c.gross END
       )::numeric(24, 4) AS monetary,
       c.gross,
       c.returned,
       c.first_purchase_at,
       c.last_purchase_at,
       c.next_change_at,
       c.next_segment,
       f.persona AS next_persona,
       c.country,
       c.model_version
FROM customers c
LEFT JOIN stream_progress p ON p.partition = c.partition
LEFT JOIN models m ON m.version = c.model_version
LEFT JOIN named n ON n.version = c.model_version AND n.segment = c.segment
LEFT JOIN named f ON f.version = c.model_version AND f.segment = c.next_segment
LEFT JOIN segment_changes l ON l.customer_id = c.customer_id AND l.sequence = c.sequence
"""
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
#: The query of each view.
VIEWS: Mapping[str, str] = {
    "current_segments": _CURRENT_SEGMENTS,
    "segment_changes": _SEGMENT_CHANGES,
    "segments": _SEGMENTS,
}
#: Rights by view: a service can read.
READER_RIGHTS: Mapping[str, str] = dict.fromkeys((f"{SCHEMA}.{name}" for name in VIEWS), "SELECT")


def create(connection: AnyConnection) -> list[str]:
    """Create the views that are missing or older; returns the statements that need a user with more rights first."""
    if not _exists(connection, "to_regnamespace", SCHEMA):
        try:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
        except errors.InsufficientPrivilege:
            return [f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {_user(connection)}"]
    refused = []
    for name in VIEWS:
        try:
            _create(connection, name)
        except errors.InsufficientPrivilege:
            known = _exists(connection, "to_regclass", f"{SCHEMA}.{name}")
            kind = f"VIEW {SCHEMA}.{name}" if known else f"SCHEMA {SCHEMA}"
            refused.append(f"ALTER {kind} OWNER TO {_user(connection)}")
    return list(dict.fromkeys(refused))


def grant(connection: AnyConnection, role: str) -> None:
    """Let a role read the views that exist, and nothing else of them."""
    revoke, select = "REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}", "GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}"
    _let(connection, role, _USE, revoke, select)


def show(connection: AnyConnection, role: str) -> None:
    """Let a role see that the views exist, without reading them."""
    _let(connection, role, _USE)


def _let(connection: AnyConnection, role: str, *statements: LiteralString) -> None:
    """Run statements about the schema, if it exists, and a role; leave it if somebody else owns the schema."""
    if not _exists(connection, "to_regnamespace", SCHEMA):
        return
    try:
        with connection.transaction():
            for statement in statements:
                connection.execute(sql.SQL(statement).format(sql.Identifier(SCHEMA), sql.Identifier(role)))
    except errors.InsufficientPrivilege:
        # `create` has said what to run.
        return


def _create(connection: AnyConnection, name: str) -> None:
    """Create or replace one view. Replacing waits for its readers, so a view that is up to date is left alone."""
    view = sql.Identifier(SCHEMA, name)
    mark = f"Segue, for services: docs/reading_from_postgres.md. Definition {_digest(VIEWS[name])}."
    stored = connection.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", [f"{SCHEMA}.{name}"]).fetchone()
    if stored == (mark,):
        return
    with connection.transaction():
        connection.execute(sql.SQL("CREATE OR REPLACE VIEW {} AS ").format(view) + sql.SQL(VIEWS[name]))
        connection.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(view, sql.Literal(mark)))


def _digest(definition: str) -> str:
    return sha256(definition.encode()).hexdigest()[:12]


def _exists(connection: AnyConnection, function: str, name: str) -> bool:
    question = sql.SQL("SELECT {}(%s) IS NOT NULL").format(sql.Identifier(function))
    return connection.execute(question, [name]).fetchone() == (True,)


def _user(connection: AnyConnection) -> str:
    row = connection.execute("SELECT quote_ident(current_user)").fetchone()
    return str(row[0]) if row else ""
