"""Roles in Postgres. The owner of the database migrates the tables; each service has the rights that it needs.

``segue_worker`` and the other roles are group roles without a login; a deployment adds its users to them. Rights are
granted again after every migration, so that a new table only needs a line here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, NamedTuple

from psycopg import Connection, errors, sql
from sqlalchemy import Engine

from data.postgres import masked_views, public_rights, views
from data.postgres.masked_views import reads
from data.postgres.public_rights import AnyConnection

Role = Literal[
    "segue_worker",
    "segue_dashboard",
    "segue_webhooks",
    "segue_drift",
    "segue_clock",
    "segue_api",
    "segue_reader",
    "segue_operator",
    "segue_masked",
]
WORKER: Role = "segue_worker"
DASHBOARD: Role = "segue_dashboard"
WEBHOOKS: Role = "segue_webhooks"
DRIFT: Role = "segue_drift"
CLOCK: Role = "segue_clock"
API: Role = "segue_api"
READER: Role = "segue_reader"
OPERATOR: Role = "segue_operator"
MASKED: Role = "segue_masked"

_READ = "SELECT"
_APPEND = "SELECT, INSERT"
_WRITE = "SELECT, INSERT, UPDATE"
_DEAD_LETTER_MARKS = "UPDATE (retried_at), UPDATE (discarded_at), UPDATE (discarded_by), UPDATE (discarded_why)"
# All but the key that decides who is held out.
_SHOWN_CAMPAIGNS = reads(masked_views.SHOWN_CAMPAIGNS)
_LISTED_KEYS = reads(("key_id", "name", "scopes", "created_at", "revoked_at"))

#: Rights by table: exactly what the statements of :mod:`stream_app.storage.statements` need.
WORKER_RIGHTS: Mapping[str, str] = {
    "customers": _WRITE,
    "transactions": _APPEND,
    "segment_changes": _APPEND,
    "risk_states": _WRITE,
    "risk_changes": _APPEND,
    "models": _APPEND,
    "model_aliases": _READ,
    "stream_currency": _WRITE,
    "stream_progress": _WRITE,
    "schema_versions": _READ,
    "dead_letters": "SELECT, INSERT, UPDATE (published)",
    "model_reigns": "INSERT",
    "model_activations": _APPEND,
    "log_faults": "INSERT",
    "skipped_records": _READ,
    "erasure_key": _READ,
    # The id is deleted once the tombstone is published. The function below adds rows.
    "erasures": "SELECT, UPDATE (customer_id)",
}
#: What a worker may do only through a function: delete everything of one customer, and replace a transaction by a later
#: revision.
WORKER_FUNCTIONS = (
    "segue_erase(text, bytea, smallint, bigint)",
    "segue_revise(text, text, timestamptz, text, numeric, text, bigint)",
)
#: What an act is recorded with; nobody may write to the table itself.
AUDIT_FUNCTION = "segue_audit(bigint, text, text, text, text, text, jsonb, text)"
#: Tables of webhooks alone.
_WEBHOOK_TABLES = ("webhook_progress", "webhook_dead_letters")
#: Rights by table: a process that sends requests to the outside has its own two tables, and may know who is held out.
WEBHOOKS_RIGHTS: Mapping[str, str] = {
    **dict.fromkeys(_WEBHOOK_TABLES, _WRITE),
    "campaigns": reads(("name", "started_at", "horizon_days")),
    "campaign_members": reads(("campaign", "customer_id", "held_out")),
}
#: Rights by table: the drift observer reads what workers have committed, stores drift, and registers models.
DRIFT_RIGHTS: Mapping[str, str] = {
    "customers": _READ,
    "transactions": _READ,
    "stream_progress": _READ,
    "model_reigns": _READ,
    "models": _APPEND,
    # Promoting a refit moves the champion alias and deletes the alias of the proposal.
    "model_aliases": "SELECT, INSERT, UPDATE, DELETE",
    "drift_observations": _APPEND,
    "drift_alarms": "SELECT, INSERT, UPDATE (published)",
}
#: Rights by table: the clock reads how far the stream is, and when time alone changes something next.
CLOCK_RIGHTS: Mapping[str, str] = {"customers": _READ, "risk_states": _READ, "stream_progress": _READ}
#: Rights by table: the HTTP API reads customers, their changes, orders and the keys; it writes to Kafka alone.
API_RIGHTS: Mapping[str, str] = {
    "customers": _READ,
    "risk_states": _READ,
    "segment_changes": _READ,
    "models": _READ,
    "model_aliases": _READ,
    "stream_progress": _READ,
    # Posted amounts must be in the currency of the stream.
    "stream_currency": _READ,
    "api_keys": _READ,
    "audiences": _READ,
    # Who was in an audience at a past moment.
    "transactions": reads(("customer_id", "occurred_at", "kind", "amount")),
    "model_reigns": _READ,
    "erasures": reads(("partition",)),
}
#: Tables that a worker does not use.
NOT_FOR_WORKERS = (
    "drift_observations",
    "drift_alarms",
    "replay_control",
    "audiences",
    "campaigns",
    "campaign_members",
    *_WEBHOOK_TABLES,
)
#: Tables that the dashboard does not read: with the keys, it could find out who was forgotten, and who a masked id is.
NOT_FOR_DASHBOARD = ("api_keys", "erasure_key", "customer_masks", "mask_key", "audit")
#: Rights by table: the dashboard reads everything but secrets; of forgotten customers it sees numbers only.
DASHBOARD_RIGHTS: Mapping[str, str] = {
    **{name: _READ for name in (*WORKER_RIGHTS, *NOT_FOR_WORKERS) if name not in NOT_FOR_DASHBOARD},
    "erasures": reads(masked_views.SHOWN_ERASURES),
    "campaigns": _SHOWN_CAMPAIGNS,
}

#: Rights by table: an operator reads what the dashboard reads, and writes what the commands of an operator write. The
#: inner state of the stream (profiles, ledger, changes, progress) and the hashes of keys are out of reach.
OPERATOR_RIGHTS: Mapping[str, str] = {
    **DASHBOARD_RIGHTS,
    # `segue models` and `segue fit`.
    "models": _APPEND,
    "model_aliases": "SELECT, INSERT, UPDATE, DELETE",
    # The first model is registered under a lock: see `model_registry.register`.
    "stream_progress": f"{_READ}, MAINTAIN",
    # `segue replay` and `segue control`.
    "replay_control": _WRITE,
    # `segue audience`, and saving on the page.
    "audiences": f"{_WRITE}, DELETE",
    # `segue skip`.
    "skipped_records": _WRITE,
    # `segue dlq retry` and `segue dlq discard`.
    "dead_letters": f"SELECT, {_DEAD_LETTER_MARKS}",
    # `segue faults resolve`.
    "log_faults": "SELECT, UPDATE (resolved_at)",
    # `segue webhooks retry` and `segue forget`.
    "webhook_dead_letters": f"{_WRITE}, DELETE",
    # `segue forget` looks whether the worker has forgotten the customer.
    "erasures": _READ,
    "erasure_key": _READ,
    # Who a masked id is, if somebody who sees only masked ids reports one.
    "customer_masks": _READ,
    # `segue audit`.
    "audit": _READ,
    # `segue campaign`.
    "campaigns": f"{_SHOWN_CAMPAIGNS}, INSERT, UPDATE (published)",
    # `segue forget` deletes a customer from a campaign that was being started meanwhile.
    "campaign_members": f"{_APPEND}, DELETE",
    # `segue keys`.
    "api_keys": f"{_LISTED_KEYS}, INSERT, UPDATE (revoked_at)",
}

#: All tables that a role may have rights on.
TABLES = (*DASHBOARD_RIGHTS, *NOT_FOR_DASHBOARD)

#: Rights by role and table; a service that reads has rights on views only.
RIGHTS: Mapping[Role, Mapping[str, str]] = {
    WORKER: WORKER_RIGHTS,
    DASHBOARD: DASHBOARD_RIGHTS,
    WEBHOOKS: WEBHOOKS_RIGHTS,
    DRIFT: DRIFT_RIGHTS,
    CLOCK: CLOCK_RIGHTS,
    API: API_RIGHTS,
    READER: views.READER_RIGHTS,
    OPERATOR: OPERATOR_RIGHTS,
    MASKED: masked_views.RIGHTS,
}
#: Functions by role.
FUNCTIONS: Mapping[Role, tuple[str, ...]] = {
    WORKER: WORKER_FUNCTIONS,
    DASHBOARD: (AUDIT_FUNCTION,),
    MASKED: (AUDIT_FUNCTION,),
    OPERATOR: (AUDIT_FUNCTION,),
    # `segue webhooks retry`, which needs the webhook's own URL and secret.
    WEBHOOKS: (AUDIT_FUNCTION,),
}


class Granted(NamedTuple):
    """What the current user had no right to do: the roles to create, and the statements to run."""

    missing: list[Role]
    refused: list[str]


def grant(engine: Engine) -> Granted:
    """Create the views and the roles that are missing, and give each role exactly its rights.

    Returns what the current user has no right to do.
    """
    missing: list[Role] = []
    with _driver(engine) as connection:
        refused = [*views.FOR_SERVICES.create(connection), *masked_views.VIEWS.create(connection)]
        schema = _schema(connection)
        for role, rights in RIGHTS.items():
            try:
                _create(connection, role)
            except errors.InsufficientPrivilege:
                missing.append(role)
                continue
            with connection.transaction():
                connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, sql.Identifier(role)))
                for table in TABLES:
                    names = {"table": sql.Identifier(table), "role": sql.Identifier(role)}
                    connection.execute(sql.SQL("REVOKE ALL ON {table} FROM {role}").format(**names))
                    if table in rights:
                        given = sql.SQL(rights[table])
                        connection.execute(sql.SQL("GRANT {given} ON {table} TO {role}").format(given=given, **names))
                for function in FUNCTIONS.get(role, ()):
                    grant_it = sql.SQL(f"GRANT EXECUTE ON FUNCTION {function} TO {{role}}")
                    connection.execute(grant_it.format(role=sql.Identifier(role)))
        if READER not in missing:
            views.FOR_SERVICES.grant(connection, READER)
        if MASKED not in missing:
            masked_views.VIEWS.grant(connection, MASKED)
        if OPERATOR not in missing:
            # `segue doctor` compares the revision of the schema.
            connection.execute(sql.SQL("GRANT SELECT ON alembic_version TO {}").format(sql.Identifier(OPERATOR)))
            # It compares the rights of all roles, too.
            views.FOR_SERVICES.show(connection, OPERATOR)
            masked_views.VIEWS.show(connection, OPERATOR)
        return Granted(missing, [*refused, *public_rights.revoke(connection)])


def make_login(engine: Engine, role: Role, password: str | None) -> str:
    """Create the user ``ROLE_login`` with the rights of a role, or set an existing user's password; returns its name.

    Without a password, the user can log in only where Postgres is configured to trust the connection. Postgres gets the
    password's SCRAM verifier, never the password itself. Dashboards and readers have read-only transactions by default.
    """
    user = f"{role}_login"
    with _driver(engine) as connection:
        _create(connection, user)
        secret: sql.Composable = sql.NULL
        if password is not None:
            verifier = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
            secret = sql.Literal(verifier.decode())
        names = {"user": sql.Identifier(user), "role": sql.Identifier(role), "secret": secret}
        with connection.transaction():
            connection.execute(sql.SQL("ALTER ROLE {user} LOGIN PASSWORD {secret}").format(**names))
            connection.execute(sql.SQL("GRANT {role} TO {user}").format(**names))
            if role in (DASHBOARD, READER, MASKED):
                connection.execute(sql.SQL("ALTER ROLE {user} SET default_transaction_read_only = on").format(**names))
    return user


@contextmanager
def _driver(engine: Engine) -> Iterator[AnyConnection]:
    """The driver's own connection, for statements that SQLAlchemy cannot express."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, Connection)  # noqa: S101 - psycopg is the only driver
        yield driver


def _schema(connection: AnyConnection) -> sql.Identifier:
    """The schema of the tables: the first one of the search path, which the URL may choose."""
    row = connection.execute("SELECT current_schema()").fetchone()
    return sql.Identifier(str(row[0]) if row else "public")


def _create(connection: AnyConnection, role: str) -> None:
    """Create a role unless it exists. Roles belong to the server, so another database's migration may create it too."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        return
    try:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
    except (errors.DuplicateObject, errors.UniqueViolation):
        return
