"""Each role has exactly the rights that it needs."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import get_args

import msgspec
import pytest
from psycopg import Connection, connect
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError
from typer.testing import CliRunner

from data.contract.wire import Erasure, ModelActivation, Transaction
from data.datasets.steady import moment
from data.postgres import (
    api_keys,
    audiences,
    audit,
    campaigns,
    currency,
    customer_ids,
    dead_letters,
    decay_schedule,
    drift,
    erasures,
    log_faults,
    model_registry,
    progress,
    public_rights,
    replay_control,
    roles,
    schema_versions,
    skipped_records,
    webhooks,
)
from data.postgres.database import engine, migrate
from data.postgres.stream_profiles import current_profiles
from data.postgres.tables import metadata
from models.audience import AudienceDefinition
from models.segment_model import SegmentModel
from segue.cli.app import app
from segue.doctor import look_postgres
from services.drift.observer import StreamObserver
from stream_app.core.apply import apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.decode import decode
from stream_app.core.risk_columns import ActiveRhythm
from stream_app.core.risk_rows import risk_rows
from stream_app.storage.outbox import OUTBOX_OF_RISK, Outbox
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import recency_model, tick, transaction
from tests.support.dataset_tables import fill
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import Message, logs
from tests.support.rhythm import a_rhythm
from tests.support.steady_stream import model_of, shop

MODEL = recency_model()


def every(rights: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each single right with its table."""
    return [(table, right.strip()) for table, given in rights.items() for right in given.split(",")]


@pytest.fixture
def as_user(migrated_url: str) -> Iterator[Callable[[roles.Role], str]]:
    """Makes the URL of the database for a user with the rights of a role."""
    # A copied database has the rights to its tables, and not those to itself.
    with connect(migrated_url, autocommit=True) as administrator:
        assert public_rights.revoke(administrator) == []
    owner = engine(migrated_url)
    model_registry.register(owner, MODEL)

    def url(role: roles.Role) -> str:
        user = roles.make_login(owner, role, None)
        return make_url(migrated_url).set(username=user).render_as_string(hide_password=False)

    yield url
    owner.dispose()


async def _everything(url: str) -> None:
    """All that a worker does: claim, apply, store dead letters, activate a model, rescore, publish, recover."""
    store, risk_outbox = await PartitionStore.connect(url, 0), Outbox(url, 0, OUTBOX_OF_RISK)
    try:
        progress = await store.claim("log", "me")
        assert await store.skipped(progress) == {}
        await store.load_forgotten()
        await store.save_failure(progress, 1, "an error")
        await store.clear_failures(progress)
        assert (await store.failure_state()).failures == 0
        bad = Transaction("T9", "c", datetime(2010, 1, 1, tzinfo=UTC), "sale", "1", "EUR", "France", [])
        messages: list[Message] = [
            transaction(1, 0),
            transaction(2, 3, "return", "2.5"),
            bad,
            tick(30),
            msgspec.structs.replace(transaction(1, 0, "cancelled"), revision=1),
            transaction(3, 31, customer="d"),
            Erasure("d"),
            ModelActivation(a_model()),
        ]
        assert progress.model_version is not None
        active = await store.model(progress.model_version)
        rhythm = ActiveRhythm(a_rhythm())
        for batch in decode(logs(messages, 1)[0], "GBP"):
            stored = await store.load(batch, active, progress.watermark, 1_000, rhythm)
            step = apply_batch(batch, stored, active, progress, lambda _: 0)
            assert batch.model is None or not await store.has_activated(batch)
            rows, risks = change_rows(batch, step, progress), risk_rows(batch, step, progress)
            progress = await store.save(batch, step, rows, progress, 0, risks)
        assert progress.model_version is not None
        await store.load_outdated(await store.model(progress.model_version), 10, rhythm=rhythm)
        assert await store.unpublished_changes(0, 10)
        await risk_outbox.open()
        assert await risk_outbox.unpublished_changes(0, 10)
        await risk_outbox.save_changes_ahead(progress, 1)
        assert await store.unpublished_dead_letters("log")
        fault = {"kind": "deleted", "first_offset": 5, "end_offset": 9}
        progress = await store.continue_in_log(progress, "log", 9, fault)
        progress = await store.save_published(progress, progress.change_position, dead_letters=True)
        assert await store.progress(progress) == replace(progress)
    finally:
        await store.close()
        await risk_outbox.close()


def test_the_worker_needs_every_right_that_it_has(as_user: Callable[[roles.Role], str], migrated_url: str) -> None:
    url = as_user(roles.WORKER)
    tables = "customers, transactions, segment_changes, risk_states, risk_changes, stream_currency, stream_progress, "
    tables += "dead_letters, model_activations, log_faults, erasures"
    _needs_each(migrated_url, roles.WORKER, roles.WORKER_RIGHTS, partial(_live, url), tables)


def test_a_search_path_in_the_url_holds_for_the_migration_and_for_the_worker(database_url: str) -> None:
    in_schema = make_url(database_url).update_query_dict({"options": "-csearch_path=crm"})
    with connect(database_url, autocommit=True) as administrator:
        administrator.execute("CREATE SCHEMA crm")
    migrate(in_schema.render_as_string(hide_password=False))
    owner = engine(in_schema.render_as_string(hide_password=False))
    model_registry.register(owner, MODEL)
    user = roles.make_login(owner, roles.WORKER, None)
    owner.dispose()
    _live(in_schema.set(username=user).render_as_string(hide_password=False))
    with connect(database_url) as administrator:
        found = administrator.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'transactions'").fetchall()
        applied = administrator.execute("SELECT count(*) > 0 FROM crm.transactions").fetchone()
    assert (found, applied) == ([("crm",)], (True,))


def test_the_worker_can_do_nothing_else(as_user: Callable[[roles.Role], str]) -> None:
    url = as_user(roles.WORKER)
    statements = [
        "DELETE FROM transactions",
        "UPDATE transactions SET amount = 0",
        "UPDATE transactions SET revision = 9",
        "DELETE FROM segment_changes",
        "UPDATE segment_changes SET cause = 'model'",
        "UPDATE models SET spec = '{}'",
        "INSERT INTO model_aliases VALUES ('champion', 'x')",
        "UPDATE dead_letters SET value = ''",
        "UPDATE dead_letters SET retried_at = now()",
        "DELETE FROM stream_progress",
        "UPDATE log_faults SET resolved_at = now()",
        "DELETE FROM customers",
        "DELETE FROM dead_letters",
        "DELETE FROM erasures",
        "INSERT INTO erasures VALUES ('x', 0, 1, 'c', 0, 0, 0)",
        "UPDATE erasure_key SET key = 'x'",
        "DELETE FROM model_activations",
        "INSERT INTO skipped_records VALUES ('log', 0, 0, '', '')",
        "UPDATE replay_control SET wanted_paused = true",
        "TRUNCATE customers",
        "DROP TABLE customers",
        "CREATE TABLE mine (id int)",
        "SELECT rolpassword FROM pg_authid",
    ]
    _refused(url, statements)


def test_the_observer_needs_every_right_that_it_has(as_user: Callable[[roles.Role], str], migrated_url: str) -> None:
    url = as_user(roles.DRIFT)
    owner = engine(migrated_url)
    rows, reached = shop("returns"), moment(80)
    model_registry.register(owner, model_of("returns"))
    fill(owner, rows[rows["occurred_at"] < reached].assign(country="Nowhere"), model_of("returns"), reached)
    tables = "drift_observations, drift_alarms, model_aliases"
    _needs_each(migrated_url, roles.DRIFT, roles.DRIFT_RIGHTS, partial(_observe, url), tables)
    owner.dispose()


def test_the_observer_can_do_nothing_else(as_user: Callable[[roles.Role], str]) -> None:
    url = as_user(roles.DRIFT)
    others = [table.name for table in metadata.sorted_tables if table.name not in roles.DRIFT_RIGHTS]
    read_only = [name for name, rights in roles.DRIFT_RIGHTS.items() if rights == "SELECT"]
    _refused(url, [f"SELECT * FROM {name}" for name in others])
    _refused(url, [f"INSERT INTO {name} DEFAULT VALUES" for name in read_only])
    _refused(url, [f"DELETE FROM {name}" for name in roles.DRIFT_RIGHTS if name != "model_aliases"])
    _refused(url, ["UPDATE models SET spec = '{}'", "UPDATE drift_alarms SET value = 0", "SET ROLE segue_worker"])


def test_the_clock_reads_its_tables_and_writes_none(as_user: Callable[[roles.Role], str]) -> None:
    url = as_user(roles.CLOCK)
    others = [table.name for table in metadata.sorted_tables if table.name not in roles.CLOCK_RIGHTS]
    _refused(url, [f"SELECT * FROM {name}" for name in others])
    _refused(url, [f"DELETE FROM {name}" for name in roles.CLOCK_RIGHTS])
    _refused(url, ["UPDATE stream_progress SET event_time = now()", "SET ROLE segue_worker"])
    clock = engine(url)
    with clock.connect() as connection:
        assert progress.watermark(connection) is None
        assert decay_schedule.next_change_after(connection, moment(0)) is None
    clock.dispose()


def test_the_api_reads_what_it_answers_and_writes_nothing(as_user: Callable[[roles.Role], str]) -> None:
    url = as_user(roles.API)
    others = [table.name for table in metadata.sorted_tables if table.name not in roles.API_RIGHTS]
    _refused(url, [f"SELECT * FROM {name}" for name in others])
    _refused(url, [f"INSERT INTO {name} DEFAULT VALUES" for name in roles.API_RIGHTS])
    _refused(url, [f"DELETE FROM {name}" for name in roles.API_RIGHTS])
    _refused(url, ["UPDATE api_keys SET revoked_at = NULL", "SET ROLE segue_worker"])


def test_the_operator_needs_every_right_that_it_has(as_user: Callable[[roles.Role], str], migrated_url: str) -> None:
    url = as_user(roles.OPERATOR)
    tables = "skipped_records, dead_letters, log_faults, webhook_dead_letters, replay_control, api_keys, "
    tables += "stream_progress, model_aliases, audiences, campaigns, campaign_members"
    _needs_each(migrated_url, roles.OPERATOR, roles.OPERATOR_RIGHTS, partial(_operate, migrated_url, url), tables)


def test_the_operator_can_change_neither_customers_nor_what_was_recorded(
    as_user: Callable[[roles.Role], str],
) -> None:
    url = as_user(roles.OPERATOR)
    written = {"models", "model_aliases", "replay_control", "skipped_records", "webhook_dead_letters", "api_keys"}
    written |= {"audiences", "campaigns", "campaign_members"}
    deleted = {"model_aliases", "webhook_dead_letters", "audiences", "campaign_members"}
    _refused(url, [f"INSERT INTO {name} DEFAULT VALUES" for name in set(roles.TABLES) - written])
    _refused(url, [f"DELETE FROM {name}" for name in roles.TABLES if name not in deleted])
    _refused(url, [f"TRUNCATE {name}" for name in roles.TABLES])
    statements = [
        "UPDATE customers SET segment = 'x'",
        "UPDATE stream_progress SET next_offset = 0",
        "UPDATE dead_letters SET reason = ''",
        "UPDATE log_faults SET kind = ''",
        "UPDATE models SET spec = '{}'",
        "SELECT hash FROM api_keys",
        "UPDATE api_keys SET scopes = '{}'",
        "SELECT key FROM campaigns",
        "UPDATE campaigns SET horizon_days = 1",
        "UPDATE campaign_members SET held_out = false",
        "UPDATE alembic_version SET version_num = '1'",
        "SET ROLE segue_worker",
        "CREATE ROLE friend",
    ]
    _refused(url, statements)


def test_webhooks_see_their_own_tables_only(as_user: Callable[[roles.Role], str]) -> None:
    url = as_user(roles.WEBHOOKS)
    others = [table.name for table in metadata.sorted_tables if table.name not in roles.WEBHOOKS_RIGHTS]
    _refused(url, [f"SELECT * FROM {name}" for name in others])
    _refused(url, [f"DELETE FROM {name}" for name in roles.WEBHOOKS_RIGHTS])
    _refused(url, [f"INSERT INTO {name} DEFAULT VALUES" for name in ("campaigns", "campaign_members")])
    _refused(url, ["SELECT key FROM campaigns", "SELECT segment FROM campaign_members"])


def test_webhooks_can_ask_who_is_held_out(as_user: Callable[[roles.Role], str]) -> None:
    webhook = engine(as_user(roles.WEBHOOKS))
    with webhook.connect() as connection:
        assert campaigns.holdouts(connection, ["c"]) == {}
    webhook.dispose()


def test_the_dashboard_can_read_every_table_and_write_none(as_user: Callable[[roles.Role], str]) -> None:
    url = as_user(roles.DASHBOARD)
    reader = engine(url)
    with reader.connect() as connection:
        for name, right in every(roles.DASHBOARD_RIGHTS):
            column = right.removeprefix("SELECT").strip(" ()") or "*"
            connection.execute(text(f"SELECT {column} FROM {name}")).all()
    reader.dispose()
    statements = ["CREATE TABLE mine (id int)", "CREATE ROLE friend", "SET ROLE segue_worker"]
    statements += [
        "SELECT hash FROM api_keys",
        "SELECT key FROM erasure_key",
        "SELECT hash FROM erasures",
        "SELECT customer_id FROM erasures",
        "SELECT mask FROM customer_masks",
        "SELECT inner_pad FROM mask_key",
        "SELECT subject FROM audit",
        "SELECT key FROM campaigns",
        "SELECT segue_erase('c', 'x', 0::smallint, 0)",
    ]
    for table in metadata.sorted_tables:
        column = next(iter(table.columns)).name
        statements += [
            f"INSERT INTO {table.name} DEFAULT VALUES",
            f'UPDATE {table.name} SET "{column}" = NULL',
            f"DELETE FROM {table.name}",
            f"TRUNCATE {table.name}",
            f"DROP TABLE {table.name}",
        ]
    _refused(url, statements)


@pytest.mark.parametrize("role", get_args(roles.Role))
def test_a_role_can_create_nothing_anywhere(role: roles.Role, as_user: Callable[[roles.Role], str]) -> None:
    statements = [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "SELECT lo_create(0)",
        "SELECT lo_creat(-1)",
        "SELECT lo_from_bytea(0, 'mine')",
        "SELECT lo_import('/etc/hostname')",
        "COPY customers TO '/tmp/mine'",
    ]
    _refused(as_user(role), statements)


@pytest.mark.parametrize("role", [roles.DASHBOARD, roles.MASKED])
def test_a_dashboard_reads_in_read_only_transactions_by_default(
    role: roles.Role, as_user: Callable[[roles.Role], str]
) -> None:
    with connect(as_user(role)) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)


def test_the_next_migration_revokes_what_everyone_may_do_again(database_url: str) -> None:
    migrate(database_url)
    with connect(database_url, autocommit=True) as owner:
        owner.execute("GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC")
    assert migrate(database_url) == ([], [])
    with connect(database_url) as owner:
        assert not any(held for _, held in public_rights.statements(owner))


@pytest.mark.parametrize("role", [role for role in get_args(roles.Role) if role not in roles.FUNCTIONS])
def test_a_role_in_which_nobody_acts_can_record_no_act(role: roles.Role, as_user: Callable[[roles.Role], str]) -> None:
    _refused(as_user(role), ["SELECT segue_audit(NULL, 'me', NULL, 'role', 'act', 'object', '{}', 'done')"])


@pytest.mark.parametrize("role", roles.FUNCTIONS)
def test_nobody_can_change_what_was_recorded(role: roles.Role, as_user: Callable[[roles.Role], str]) -> None:
    statements = [
        "INSERT INTO audit (subject, role, act, object, detail, outcome, database_user) "
        "VALUES ('me', '', '', '', '{}', 'done', '')",
        "UPDATE audit SET subject = 'another'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP TABLE audit",
    ]
    _refused(as_user(role), statements)


def test_every_table_has_its_rights() -> None:
    assert {*roles.WORKER_RIGHTS, *roles.NOT_FOR_WORKERS, *roles.NOT_FOR_DASHBOARD} == set(roles.TABLES)
    assert {*roles.DASHBOARD_RIGHTS, *roles.NOT_FOR_DASHBOARD} == set(roles.TABLES) == set(metadata.tables)
    assert {*roles.WORKER_RIGHTS}.isdisjoint(roles.NOT_FOR_WORKERS)


def test_the_next_migration_revokes_added_rights(as_user: Callable[[roles.Role], str], migrated_url: str) -> None:
    url = as_user(roles.DASHBOARD)
    with connect(migrated_url, autocommit=True) as owner:
        owner.execute("GRANT ALL ON customers TO segue_dashboard")
    assert migrate(migrated_url) == ([], [])
    _refused(url, ["DELETE FROM customers"])


def test_migrating_without_the_right_to_create_roles_returns_the_missing_ones(database_url: str) -> None:
    with connect(database_url, autocommit=True) as owner:
        for role in [f"{name}{login}" for login in ("_login", "") for name in get_args(roles.Role)]:
            owner.execute(f"DROP OWNED BY {role}") if _exists(owner, role) else None
        owner.execute("DROP ROLE IF EXISTS plain")
        owner.execute("CREATE ROLE plain LOGIN")
        owner.execute("GRANT ALL ON SCHEMA public TO plain")
        renamed = [role for role in get_args(roles.Role) if _exists(owner, role)]
        for role in renamed:
            owner.execute(f"ALTER ROLE {role} RENAME TO {role}_away")
        try:
            plain = make_url(database_url).set(username="plain").render_as_string(hide_password=False)
            missing, refused = migrate(plain)
            assert missing == list(get_args(roles.Role))
            database = make_url(database_url).database
            assert refused == [
                "CREATE SCHEMA segue_read AUTHORIZATION plain",
                "CREATE SCHEMA segue_masked AUTHORIZATION plain",
                f'REVOKE TEMPORARY ON DATABASE "{database}" FROM PUBLIC',
                "REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer) FROM PUBLIC",
                "REVOKE EXECUTE ON FUNCTION pg_catalog.lo_create(oid) FROM PUBLIC",
                "REVOKE EXECUTE ON FUNCTION pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC",
            ]
        finally:
            for role in renamed:
                owner.execute(f"ALTER ROLE {role}_away RENAME TO {role}")


def test_segue_migrate_creates_the_users_with_given_passwords(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_DATABASE_URL", database_url)
    monkeypatch.setenv("SEGUE_DASHBOARD_PASSWORD", "hush")
    result = CliRunner().invoke(app, ["migrate"], catch_exceptions=False)
    assert "The user segue_dashboard_login may log in" in result.output
    assert "segue_worker_login" not in result.output
    assert "hush" not in result.output
    url = make_url(database_url).set(username="segue_dashboard_login").render_as_string(hide_password=False)
    _refused(url, ["DELETE FROM customers"])


def test_a_password_is_stored_as_a_verifier_only(migrated_url: str) -> None:
    owner = engine(migrated_url)
    roles.make_login(owner, roles.WORKER, "o'hush%")
    query = text("SELECT rolpassword FROM pg_authid WHERE rolname = 'segue_worker_login'")
    with owner.connect() as connection:
        kept = connection.execute(query).scalar_one()
    owner.dispose()
    assert kept.startswith("SCRAM-SHA-256$")
    assert "hush" not in kept


def _live(url: str) -> None:
    async def life() -> None:
        worker = engine(url)
        try:
            schema_versions.check(worker)
            currency.keep(worker, "GBP")
            model_registry.champion_version(worker)
        except Exception as error:
            raise getattr(error, "orig", error) from None
        finally:
            worker.dispose()
        await _everything(url)

    asyncio.run(life())


def _observe(url: str) -> None:
    """All that a drift observer does: observe, raise, publish, refit, promote the new model, compare."""
    observer = engine(url)

    def promote(model: SegmentModel) -> None:
        with observer.begin() as connection:
            model_registry.make_champion(connection, model.version)

    try:
        assert StreamObserver(observer, promote=promote).observe() == 80
        drift.mark_published(observer, [alarm.id for alarm in drift.unpublished(observer)])
        assert len(current_profiles(observer))
        assert model_registry.champion_version(observer) != model_of("returns").version
    except ProgrammingError as error:
        raise error.orig or error from None
    finally:
        observer.dispose()


def _operate(owner_url: str, url: str) -> None:
    """All that an operator's commands do in Postgres."""
    with connect(owner_url, autocommit=True) as owner:
        owner.execute("INSERT INTO dead_letters VALUES ('log', 0, 0, 'a reason') ON CONFLICT DO NOTHING")
        fault = "INSERT INTO log_faults (log_id, partition, kind, first_offset, end_offset) "
        owner.execute(fault + "VALUES ('log', 0, 'deleted', 0, 9)")
        progress = "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner) "
        owner.execute(progress + "VALUES (0, 'log', 0, 0, 'me') ON CONFLICT DO NOTHING")
    operator = engine(url)
    try:
        with operator.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            for name, right in every(roles.DASHBOARD_RIGHTS):
                column = right.removeprefix("SELECT").strip(" ()") or "*"
                connection.execute(text(f"SELECT {column} FROM {name}")).all()
        with operator.begin() as connection:
            spring = campaigns.Campaign("spring", 0.5, 30, moment(0), 0, 0, None, published=False)
            campaigns.create(connection, spring, {"c": None, "d": "lost"})
        campaigns.mark_published(operator, "spring")
        with operator.connect() as connection:
            assert campaigns.find(connection, "spring")
            assert len(campaigns.members(connection, "spring")) == 2
        campaigns.delete_member(operator, "d")
        assert customer_ids.behind(operator, "m-1") is None
        assert not erasures.is_forgotten(operator, "c")
        model_registry.register(operator, MODEL)
        with operator.begin() as connection:
            model_registry.propose(connection, MODEL)
            model_registry.make_champion(connection, MODEL.version)
        replay_control.begin(operator, "shop", replay_control.Heartbeat("running", moment(0), 0, 1, 0, 1.0))
        assert replay_control.pause(operator) == ["shop"]
        skipped_records.skip(operator, 0, 5, "a reason")
        letter = dead_letters.find(operator, 0, 0, "log")
        dead_letters.mark_retried(operator, [letter])
        assert dead_letters.discard(operator, [letter], "a reason") == 1
        assert log_faults.resolve(operator, None)
        webhooks.set_aside(operator, "crm", [webhooks.AbandonedChange("c", 1, b"{}", "a reason", 1)])
        webhooks.mark_delivered(operator, "crm", [("c", 1)])
        assert erasures.forget_abandoned(operator, "c") == 1
        key = api_keys.create(operator, "till", ["write"])
        assert [row.name for row in api_keys.listed(operator)] == ["till"]
        api_keys.revoke(operator, key.split("_")[1])
        for definition in (AudienceDefinition(), AudienceDefinition(countries=("France",))):
            audiences.replace(operator, "VIPs", definition)
        audiences.remove(operator, "VIPs")
        with audit.recorded(operator, audit.Actor("me", "command line"), audit.Act("keys create", "till")):
            pass
        assert audit.acts(operator, 1)[0].outcome == "done"
    except ProgrammingError as error:
        raise error.orig or error from None
    finally:
        operator.dispose()


def _needs_each(
    database_url: str, role: roles.Role, rights: Mapping[str, str], live: Callable[[], None], tables: str
) -> None:
    """Run ``life`` without each right of a role, when it must fail, and with all; ``tables`` are emptied in between."""
    with connect(database_url, autocommit=True) as owner:
        for table, right in every(rights):
            owner.execute(f"REVOKE {right} ON {table} FROM {role}")
            with pytest.raises(InsufficientPrivilege):
                live()
            owner.execute(f"GRANT {right} ON {table} TO {role}")
            owner.execute(f"TRUNCATE {tables}")
        live()


def _refused(url: str, statements: list[str]) -> None:
    # The dashboard's transactions are read-only by default; its rights must not depend on that.
    with connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        for statement in statements:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)


def _exists(owner: Connection[tuple[object, ...]], role: str) -> bool:
    return owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None


def test_the_doctor_can_ask_for_every_right_and_every_role_has_all_of_its_rights(database_url: str) -> None:
    migrate(database_url)
    found = {finding.check: finding for finding in look_postgres.look(database_url).findings}
    assert found["roles"].level == "ok", found["roles"]
