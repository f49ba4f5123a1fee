"""Looks at Postgres, with bounded waiting."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql
from sqlalchemy import make_url

from data.kafka.log_id import base_id
from data.postgres import public_rights, roles
from data.postgres.database import newest_revision
from data.postgres.progress import STUCK_SECONDS
from data.postgres.schema_versions import SCHEMA_VERSION
from segue.doctor import database, kafka, stream
from segue.doctor.finding import CheckFinding
from segue.doctor.stream import Partition

_TIMEOUT = 5
_PARTITIONS = """
SELECT partition, log_id, next_offset, extract(epoch FROM now() - committed_at)::float8, failures, failure,
       change_position - published_position + risk_position - risk_published_position
FROM stream_progress ORDER BY partition
"""
_CLAIMED = "SELECT partition, schema_version FROM stream_progress ORDER BY partition"
_FAULTS = """
SELECT kind, partition, first_offset, end_offset FROM log_faults WHERE resolved_at IS NULL ORDER BY id DESC LIMIT 20
"""


@dataclass
class SeenPostgres:
    """What Postgres answered about the stream; empty before the first migration."""

    findings: list[CheckFinding]
    logs: dict[str, int]
    rows: list[tuple[int, str, int, float, int, str | None, int]]
    faults: list[str]
    is_migrated: bool


def look(url: str) -> SeenPostgres:
    """Read what the judgements need.

    Raises
    ------
    psycopg.Error
        If Postgres does not answer or refuses.
    """
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, connect_timeout=_TIMEOUT, autocommit=True) as connection:
        connection.execute("SELECT set_config('statement_timeout', %s, false)", [f"{_TIMEOUT}s"])
        findings = [*_server(connection)]
        current = _revision(connection)
        findings.append(database.schema(current, newest_revision()))
        if current != newest_revision():
            return SeenPostgres(findings, {}, [], [], False)
        findings += _rights(connection)
        claimed = connection.execute(_CLAIMED).fetchall()
        findings.append(database.workers({partition: version or 0 for partition, version in claimed}, SCHEMA_VERSION))
        rows = connection.execute(_PARTITIONS).fetchall()
        faults = [f"{kind} in partition {p}, offsets {a} to {b}" for kind, p, a, b in connection.execute(_FAULTS)]
        logs: dict[str, int] = {}
        for row in rows:
            base = base_id(row[1])
            logs[base] = logs.get(base, 0) + 1
        return SeenPostgres(findings, logs, rows, faults, True)


def judge(
    seen: SeenPostgres, log_id: str | None, ends: Mapping[int, int], expected: int | None
) -> Iterator[CheckFinding]:
    """All judgements about the stream; without Kafka's answer the lag is unknown."""
    yield from seen.findings
    if not seen.is_migrated:
        return
    if log_id:
        yield kafka.log_identity(seen.logs, log_id)
    own = [row for row in seen.rows if not log_id or base_id(row[1]) == log_id]
    found = [
        Partition(number, offset, ends.get(number), age, failures, failure, unpublished)
        for number, _, offset, age, failures, failure, unpublished in own
    ]
    yield from stream.progress(found, expected, STUCK_SECONDS)
    yield stream.log_faults(seen.faults)


def _server(connection: Connection[tuple[object, ...]]) -> Iterator[CheckFinding]:
    yield database.version(connection.info.server_version)
    before = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    middle = (before + time.time()) / 2
    if row is not None and isinstance(row[0], float):
        yield stream.clock("Postgres' clock", row[0] - middle)


def _revision(connection: Connection[tuple[object, ...]]) -> str | None:
    if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _rights(connection: Connection[tuple[object, ...]]) -> Iterator[CheckFinding]:
    existing = {str(name) for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    missing = [role for role in roles.RIGHTS if role not in existing]
    lacking = [
        f"{role}: {right} ON {table}"
        for role, tables in roles.RIGHTS.items()
        if role in existing
        for table, rights in tables.items()
        for right in rights.split(", ")
        if not _has(connection, role, table, right)
    ]
    yield database.roles(missing, lacking)
    yield database.public_rights([text for text, held in public_rights.statements(connection) if held])


def _has(connection: Connection[tuple[object, ...]], role: str, table: str, right: str) -> bool:
    name, _, column = right.partition(" (")
    # A view that could not be created yet has no rights: there is no such object then, and the answer is null.
    question, values = "SELECT has_table_privilege(%s, to_regclass(%s), %s)", [role, table, name]
    if column:
        question, values = "SELECT has_column_privilege(%s, %s, %s, %s)", [role, table, column.rstrip(")"), name]
    return connection.execute(sql.SQL(question), values).fetchone() == (True,)
