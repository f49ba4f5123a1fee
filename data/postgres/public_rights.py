"""Rights that Postgres gives to everyone, and that Segue's roles must not have: they are revoked at each migration.

They are the right to create tables, temporary tables and large objects. Postgres can only revoke them from everyone
(``PUBLIC``) together; an administrator can grant them to single users again.
"""

from typing import Any, NamedTuple

from psycopg import Connection, errors, sql

AnyConnection = Connection[tuple[Any, ...]]


class PublicRight(NamedTuple):
    """A right that everyone has by default: a condition under which everyone has it, and the statement against it."""

    held: str
    revoke: str


_LARGE_OBJECTS = ("lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)")

RIGHTS = (
    PublicRight(
        "has_database_privilege('public', current_database(), 'TEMPORARY')",
        "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
    ),
    PublicRight(
        "has_database_privilege('public', current_database(), 'CREATE')",
        "REVOKE CREATE ON DATABASE {database} FROM PUBLIC",
    ),
    PublicRight(
        "has_schema_privilege('public', current_schema(), 'CREATE')", "REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"
    ),
    *(
        PublicRight(
            f"has_function_privilege('public', 'pg_catalog.{function}', 'EXECUTE')",
            f"REVOKE EXECUTE ON FUNCTION pg_catalog.{function} FROM PUBLIC",
        )
        for function in _LARGE_OBJECTS
    ),
)


def revoke(connection: AnyConnection) -> list[str]:
    """Revoke the rights that everyone has; returns the statements that need a user with more rights."""
    refused = []
    for statement, held in statements(connection):
        if not held:
            continue
        try:
            connection.execute(statement.encode())
        except errors.InsufficientPrivilege:
            refused.append(statement)
            continue
        # Without the right to revoke a privilege, Postgres only warns.
        if dict(statements(connection))[statement]:
            refused.append(statement)
    return refused


def statements(connection: AnyConnection) -> list[tuple[str, bool]]:
    """Each statement that revokes a right from everyone, and whether everyone has that right."""
    row = connection.execute("SELECT current_database(), current_schema()").fetchone()
    database, schema = (sql.Identifier(name or "public").as_string(connection) for name in row or ("", ""))
    held = connection.execute(f"SELECT {', '.join(right.held for right in RIGHTS)}".encode()).fetchone()
    made = [right.revoke.format(database=database, schema=schema) for right in RIGHTS]
    return [*zip(made, map(bool, held or ()), strict=True)]
