"""A session that is masked sees no customer's id, whatever it asks."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Engine, make_url, text

from dashboard.shared.connection import masked_engine
from data.postgres import campaign_outcomes, campaigns, erasures, masked_views, roles
from data.postgres.masked_views import UnmaskedError
from data.postgres.tables import metadata
from runtime.errors import Hint

Session = psycopg.Connection[tuple[object, ...]]
#: A customer's id is in every place where one may be.
IDS = ("ann@example.org", "901234709", "ünïcode ☃")
ORDER = "order-of-"


@pytest.fixture
def filled(postgres: Engine) -> Engine:
    moment = datetime(2010, 12, 1, tzinfo=UTC)
    with postgres.begin() as connection:
        for customer in IDS:
            values = {"customer": customer, "number": f"{ORDER}{customer}", "at": moment, "raw": customer.encode()}
            for statement in (
                "INSERT INTO customers (customer_id, partition, country, last_event_at, frequency, gross, returned, "
                "sequence) VALUES (:customer, 0, 'France', :at, 1, 10, 0, 1)",
                "INSERT INTO transactions (customer_id, transaction_id, occurred_at, kind, amount, country) "
                "VALUES (:customer, :number, :at, 'sale', 10, 'France')",
                "INSERT INTO segment_changes (customer_id, sequence, partition, position, to_segment, cause, "
                "effective_at, recency_days, frequency, monetary, model_version, transaction_id) VALUES "
                "(:customer, 1, 0, (SELECT count(*) FROM segment_changes), 's', 'purchase', :at, 0, 1, 10, 'm', "
                ":number)",
                "INSERT INTO risk_states (customer_id, partition, state, sequence) VALUES (:customer, 0, 'due', 1)",
                "INSERT INTO risk_changes (customer_id, sequence, partition, position, cause, effective_at, frequency, "
                "transaction_id) VALUES (:customer, 1, 0, (SELECT count(*) FROM risk_changes), 'purchase', :at, 1, "
                ":number)",
                'INSERT INTO dead_letters (log_id, partition, "offset", reason, key, value, discarded_by, '
                "discarded_why) VALUES ('log', 0, (SELECT count(*) FROM dead_letters), :customer, :raw, :raw, "
                ":customer, :customer)",
                "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, failures, failure) "
                "VALUES ((SELECT count(*) FROM stream_progress), 'log', 0, 0, 'worker', 2, :customer)",
                'INSERT INTO skipped_records (log_id, partition, "offset", reason, requested_by) '
                "VALUES ('log', 0, (SELECT count(*) FROM skipped_records), :customer, 'me')",
                "INSERT INTO webhook_dead_letters (webhook, customer_id, sequence, event, reason, attempts) "
                "VALUES ('crm', :customer, 1, :raw, :customer, 1)",
                "INSERT INTO erasures (hash, partition, position, customer_id, transactions, changes, dead_letters) "
                "VALUES (:raw, 0, 0, :customer, 1, 1, 0)",
                "INSERT INTO campaigns (name, key, holdout, horizon_days, started_at, treated, held_out) "
                "VALUES ('spring', :raw, 0.1, 30, :at, 1, 1) ON CONFLICT DO NOTHING",
                "INSERT INTO campaign_members (campaign, customer_id, number, held_out) "
                "VALUES ('spring', :customer, (SELECT count(*) FROM campaign_members), false)",
            ):
                connection.execute(text(statement), values)
    return postgres


@pytest.fixture
def plain_url(filled: Engine, migrated_url: str) -> str:
    """The URL of the masked user, for the driver."""
    user = roles.make_login(filled, roles.MASKED, None)
    return make_url(migrated_url).set(username=user, drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def masked(plain_url: str) -> Iterator[Session]:
    """A masked session, which may write: its rights must not depend on what is the default."""
    with psycopg.connect(plain_url, options="-c default_transaction_read_only=off") as connection:
        masked_views.begin_session(connection)
        connection.autocommit = True
        yield connection


def test_no_id_is_in_anything_that_the_role_can_read(masked: Session) -> None:
    names = masked.execute(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND has_table_privilege(c.oid, 'SELECT') "
        "AND has_schema_privilege(n.oid, 'USAGE')"
    ).fetchall()
    assert f"{masked_views.SCHEMA}.customers" in {name for (name,) in names}
    for (name,) in names:
        # What is asked itself is in the list of running queries; it quotes no id.
        found = masked.execute(f"SELECT * FROM {name}".encode()).fetchall()
        shown = " ".join(_as_text(value) for row in found for value in row)
        assert not [customer for customer in IDS if customer in shown or customer.encode().hex() in shown], name


def test_the_same_queries_find_the_same_rows(masked: Session, filled: Engine) -> None:
    for table, columns in masked_views.SHOWN.items():
        listed = ", ".join(f'"{name}"' for name in columns)
        query = f"SELECT {listed} FROM {table}"
        with filled.connect() as connection:
            unmasked = [tuple(row) for row in connection.execute(text(query))]
        found = masked.execute(query.encode()).fetchall()
        assert len(found) == len(IDS)
        assert sorted(map(repr, map(_comparable, found))) == sorted(map(repr, map(_comparable, unmasked)))


def test_a_masked_id_is_the_hmac_of_the_id_and_the_same_everywhere(masked: Session, filled: Engine) -> None:
    with filled.connect() as connection:
        inner = bytes(connection.execute(text("SELECT inner_pad FROM mask_key")).scalar_one())
    key = bytes(byte ^ 0x36 for byte in inner)[:32]
    expected = {f"m-{hmac.digest(key, customer.encode(), hashlib.sha256).hex()[:20]}" for customer in IDS}
    assert len(expected) == len(IDS)
    for table in ("customers", "transactions", "segment_changes", "risk_states", "risk_changes", "campaign_members"):
        found = {row[0] for row in masked.execute(f"SELECT customer_id FROM {table}".encode()).fetchall()}
        assert found == expected
        for mask in expected:
            one = masked.execute(f"SELECT count(*) FROM {table} WHERE customer_id = %s".encode(), [mask]).fetchone()
            assert one == (1,)
    of_sales = masked.execute("SELECT transaction_id FROM transactions").fetchall()
    assert sorted(of_sales) == sorted(masked.execute("SELECT transaction_id FROM segment_changes").fetchall())


def test_a_true_id_finds_nobody(masked: Session) -> None:
    for customer in IDS:
        found = masked.execute("SELECT * FROM customers WHERE customer_id = %s", [customer]).fetchall()
        found += masked.execute("SELECT * FROM transactions WHERE transaction_id = %s", [ORDER + customer]).fetchall()
        assert found == []


@pytest.mark.parametrize(
    "statement",
    [
        *(f"SELECT * FROM public.{table}" for table in masked_views.REPLACED),
        "SELECT * FROM customer_masks",
        "SELECT * FROM mask_key",
        "SELECT * FROM erasure_key",
        "SELECT customer_id FROM erasures",
        "SELECT * FROM webhook_dead_letters",
        "SELECT * FROM skipped_records",
        "SELECT * FROM api_keys",
        "SELECT * FROM audit",
        "SELECT * FROM segue_read.current_segments",
        "SELECT * FROM segue_read.current_risk_states",
        "SELECT * FROM segue_read.risk_changes",
        "SELECT segue_mask_new()",
        "SELECT segue_names('', 'x')",
        "CREATE FUNCTION spy(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        "CREATE FUNCTION segue_masked.spy(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        "UPDATE segue_masked.dead_letters SET published = true",
        "INSERT INTO segue_masked.stream_progress (partition) VALUES (9)",
        "DELETE FROM segue_masked.dead_letters",
        "DROP VIEW segue_masked.customers",
        "SELECT stavalues1 FROM pg_statistic",
        "SELECT * FROM pg_catalog.pg_authid",
        "SET ROLE segue_dashboard",
        "SET SESSION AUTHORIZATION segue_dashboard",
    ],
)
def test_the_role_can_do_nothing_else(masked: Session, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        masked.execute(statement.encode())


def test_a_user_who_can_read_ids_gets_no_masked_session(filled: Engine, migrated_url: str) -> None:
    for role in (roles.DASHBOARD, roles.OPERATOR, roles.WORKER):
        url = make_url(migrated_url).set(username=roles.make_login(filled, role, None), drivername="postgresql")
        _refuses(url.render_as_string(hide_password=False))
    _refuses(make_url(migrated_url).set(drivername="postgresql").render_as_string(hide_password=False))


def test_a_right_on_one_column_is_enough_to_be_refused(filled: Engine, plain_url: str) -> None:
    with filled.begin() as owner:
        owner.execute(text("GRANT SELECT (customer_id) ON transactions TO segue_masked"))
    _refuses(plain_url)


def test_a_forgotten_customer_leaves_no_masked_id(filled: Engine) -> None:
    with filled.begin() as connection:
        gone = erasures.read(connection).hash("901234709")
        connection.execute(text("SELECT segue_erase('901234709', :hash, 0::smallint, 1)"), {"hash": gone})
    with filled.connect() as connection:
        left = connection.execute(text("SELECT customer_id FROM customer_masks")).scalars().all()
    assert sorted(left) == sorted({*IDS} - {"901234709"})


def test_a_campaign_is_compared_and_exported_without_ids(filled: Engine, plain_url: str) -> None:
    masked = masked_engine(plain_url)
    with masked.connect() as connection:
        [spring] = campaigns.listed(connection)
        found = campaign_outcomes.outcomes(connection, spring, spring.started_at)
        rows = campaign_outcomes.customer_rows(connection, spring, spring.started_at, 10)
    masked.dispose()
    assert len(found.held_out) == len(IDS)
    assert all(str(customer).startswith("m-") for customer in rows["customer_id"])


def test_every_column_of_a_masked_table_is_shown_replaced_or_left_out() -> None:
    for table, replaced in masked_views.REPLACED.items():
        known = [*replaced, *masked_views.SHOWN[table], *masked_views.LEFT_OUT.get(table, ())]
        assert sorted(known) == sorted(column.name for column in metadata.tables[table].columns), table


def test_a_table_is_masked_unmasked_or_out_of_reach() -> None:
    out_of_reach = {"webhook_progress", "webhook_dead_letters", "skipped_records", *roles.NOT_FOR_DASHBOARD}
    # Of these two, some columns can be read.
    partly = {"erasures", "campaigns"}
    assert {*masked_views.REPLACED, *masked_views.UNMASKED} | partly | out_of_reach == {*metadata.tables}


def _refuses(url: str) -> None:
    with psycopg.connect(url) as connection, pytest.raises(UnmaskedError, match="member of segue_masked") as caught:
        masked_views.begin_session(connection)
    assert caught.value.hint is Hint.SET_THE_MASKED_URL


def _comparable(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(value.astimezone(UTC) if isinstance(value, datetime) else value for value in row)


def _as_text(value: object) -> str:
    return value.hex() + value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
