"""A schema that has views only: they are made after every migration, and a role may read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import LiteralString

from psycopg import errors, sql

from data.postgres.public_rights import AnyConnection

_USE: LiteralString = "GRANT USAGE ON SCHEMA {} TO {}"
_REVOKE: LiteralString = "REVOKE ALL ON ALL TABLES IN SCHEMA {} FROM {}"
_READ: LiteralString = "GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}"


@dataclass(frozen=True)
class ViewSchema:
    """Views in a schema of their own, by name, each with its query.

    Parameters
    ----------
    about
        What the views are for: a comment on each of them.
    only_grows
        Whether a view of an older version is replaced, which Postgres allows only if columns are added at the end. If
        not, it is dropped and created again.
    """

    name: str
    views: Mapping[str, str]
    about: str
    only_grows: bool = True

    def create(self, connection: AnyConnection) -> list[str]:
        """Create the views that are missing or older; returns the statements that need a user with more rights."""
        if not _exists(connection, "to_regnamespace", self.name):
            try:
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.name)))
            except errors.InsufficientPrivilege:
                return [f"CREATE SCHEMA {self.name} AUTHORIZATION {_user(connection)}"]
        refused = []
        for view in self.views:
            try:
                self._create(connection, view)
            except errors.InsufficientPrivilege:
                known = _exists(connection, "to_regclass", f"{self.name}.{view}")
                kind = f"VIEW {self.name}.{view}" if known else f"SCHEMA {self.name}"
                refused.append(f"ALTER {kind} OWNER TO {_user(connection)}")
        return list(dict.fromkeys(refused))

    def grant(self, connection: AnyConnection, role: str) -> None:
        """Let a role read the views that exist, and nothing else of them."""
        self._let(connection, role, _USE, _REVOKE, _READ)

    def show(self, connection: AnyConnection, role: str) -> None:
        """Let a role see that the views exist, without reading them."""
        self._let(connection, role, _USE)

    def _let(self, connection: AnyConnection, role: str, *statements: LiteralString) -> None:
        """Run statements about the schema, if it exists, and a role; leave it if somebody else owns the schema."""
        if not _exists(connection, "to_regnamespace", self.name):
            return
        try:
            with connection.transaction():
                for statement in statements:
                    connection.execute(sql.SQL(statement).format(sql.Identifier(self.name), sql.Identifier(role)))
        except errors.InsufficientPrivilege:
            # `create` has said what to run.
            return

    def _create(self, connection: AnyConnection, name: str) -> None:
        """Create or replace one view. Replacing waits for its readers, so a view that is up to date is left alone."""
        view = sql.Identifier(self.name, name)
        query = self.views[name]
        mark = f"{self.about}. Definition {sha256(query.encode()).hexdigest()[:12]}."
        known = f"{self.name}.{name}"
        stored = connection.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", [known]).fetchone()
        if stored == (mark,):
            return
        with connection.transaction():
            if not self.only_grows:
                connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
            # The queries are constants of this program.
            create = sql.SQL("CREATE OR REPLACE VIEW {} AS ").format(view).as_bytes(connection) + query.encode()
            connection.execute(create)
            connection.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(view, sql.Literal(mark)))


def _exists(connection: AnyConnection, function: str, name: str) -> bool:
    question = sql.SQL("SELECT {}(%s) IS NOT NULL").format(sql.Identifier(function))
    return connection.execute(question, [name]).fetchone() == (True,)


def _user(connection: AnyConnection) -> str:
    row = connection.execute("SELECT quote_ident(current_user)").fetchone()
    return str(row[0]) if row else ""
