"""``segue status`` and ``segue skip`` on partitions that are well, failing, stuck or without a broker."""

import json
import time

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from data.postgres import currency, model_registry
from data.postgres.database import engine
from segue.cli.app import app
from services import claimed_partitions
from tests.support.dataset_tables import fill
from tests.support.generated_tables import a_model
from tests.support.retail import retail

BEHIND = 40


@pytest.fixture
def postgres(migrated_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Engine:
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    postgres = engine(migrated_url)
    model_registry.register(postgres, a_model())
    fill(postgres, retail().transactions.head(300), a_model(), retail().report.first)
    return postgres


@pytest.fixture
def broker(postgres: Engine, monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """The lag by partition that a broker reports."""
    lags: dict[int, int] = {}

    def ends(*_: object) -> dict[int, int]:
        with postgres.connect() as connection:
            rows = connection.execute(text("SELECT partition, next_offset FROM stream_progress"))
            return {row.partition: row.next_offset + lags.get(row.partition, 0) for row in rows}

    monkeypatch.setattr(claimed_partitions, "end_offsets", ends)
    return lags


def segue(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def update(postgres: Engine, statement: str) -> None:
    with postgres.begin() as connection:
        connection.execute(text(statement))


def words(result: Result) -> str:
    return " ".join(result.output.split())


def test_a_stream_that_is_well_has_exit_code_0(postgres: Engine, broker: dict[int, int]) -> None:
    update(postgres, "UPDATE stream_progress SET committed_at = now() - interval '1 hour'")
    result = segue("status")
    assert result.exit_code == 0
    assert "failures in a row" in result.output
    found = json.loads(segue("status", "--json").stdout)
    assert found["problems"] == []
    assert {row["lag"] for row in found["partitions"]} == {0}
    assert all(row["commit_age_seconds"] >= 3_600 and row["owner"] for row in found["partitions"])


def test_the_status_has_the_currency_of_the_stream_and_not_that_of_the_reader(
    postgres: Engine, broker: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_CURRENCY", "JPY")
    assert json.loads(segue("status", "--json").stdout)["currency"] == "JPY"
    currency.keep(postgres, "EUR")
    assert json.loads(segue("status", "--json").stdout)["currency"] == "EUR"
    assert "currency: EUR" in segue("status").output


def test_a_failing_partition_is_named_with_its_error(postgres: Engine, broker: dict[int, int]) -> None:
    update(
        postgres,
        "UPDATE stream_progress SET failures = 7, failure = 'DiskFull: no space left [red]', failing_since = now()"
        " WHERE partition = 0",
    )
    result = segue("status")
    assert result.exit_code == 1
    assert "partition 0 has failed 7 times in a row: DiskFull: no space left [red]" in words(result)
    result = segue("status", "--json")
    assert result.exit_code == 1
    row = json.loads(result.stdout)["partitions"][0]
    assert (row["failing"], row["failures_in_a_row"], row["failure"]) == (True, 7, "DiskFull: no space left [red]")
    assert row["failing_since"]


def test_a_partition_whose_worker_is_frozen_is_stuck(postgres: Engine, broker: dict[int, int]) -> None:
    broker[0] = BEHIND
    assert segue("status").exit_code == 0
    update(postgres, "UPDATE stream_progress SET committed_at = now() - interval '1 minute'")
    result = segue("status")
    assert result.exit_code == 1
    assert "partition 0 is stuck: 40 records behind, and no commit for 6" in words(result)


def test_a_record_that_arrives_after_a_silence_makes_no_partition_stuck(
    postgres: Engine, broker: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    update(postgres, "UPDATE stream_progress SET committed_at = now() - interval '1 hour'")
    broker[0] = 1

    def commit(_: float) -> None:
        broker.clear()
        update(postgres, "UPDATE stream_progress SET committed_at = now(), next_offset = next_offset + 1")

    monkeypatch.setattr(time, "sleep", commit)
    assert segue("status").exit_code == 0


@pytest.mark.usefixtures("postgres")
def test_an_unreachable_broker_is_reported() -> None:
    result = segue("status")
    assert result.exit_code == 1
    assert "no broker answers at 127.0.0.1:1: the lag is unknown" in words(result)
    assert "unknown" in result.stdout
    assert {row["lag"] for row in json.loads(segue("status", "--json").stdout)["partitions"]} == {None}


@pytest.mark.usefixtures("postgres")
def test_a_topic_that_is_gone_is_reported_whatever_its_worker_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claimed_partitions, "end_offsets", lambda *_: {})
    result = segue("status")
    assert result.exit_code == 1
    assert "the broker has no topic segue.transactions" in words(result)


def offset(postgres: Engine) -> int:
    with postgres.connect() as connection:
        found: int = connection.execute(
            text("SELECT next_offset FROM stream_progress WHERE partition = 0")
        ).scalar_one()
        return found


def test_a_record_of_a_failing_partition_is_skipped_with_a_trace(postgres: Engine, broker: dict[int, int]) -> None:
    update(postgres, "UPDATE stream_progress SET failures = 7, failure = 'MemoryError'")
    result = segue("skip", "0", str(offset(postgres)), "--reason", "  ticket 7\n")
    assert result.exit_code == 0
    with postgres.connect() as connection:
        query = text(
            "SELECT *, session_user AS me, now() - requested_at < interval '1 minute' AS recent FROM skipped_records"
        )
        row = connection.execute(query).one()
    assert (row.partition, row.offset, row.reason, row.requested_by) == (0, offset(postgres), "ticket 7", row.me)
    assert row.recent
    assert segue("skip", "0", str(offset(postgres)), "--reason", "ticket 8").exit_code == 0
    with postgres.connect() as connection:
        assert connection.execute(text("SELECT reason FROM skipped_records")).scalars().all() == ["ticket 8"]


def test_what_needs_no_skipping_is_refused_with_a_reason(postgres: Engine, broker: dict[int, int]) -> None:
    here = offset(postgres)
    for arguments, reason in (
        (["0", str(here), "--reason", "x"], "partition 0 is neither failing nor stuck"),
        (
            ["0", str(here - 1), "--reason", "x", "--force"],
            f"is applied already: the partition continues from offset {here}",
        ),
        (["9", "0", "--reason", "x"], "no worker has claimed partition 9 yet"),
        (["0", str(here), "--reason", " "], "must be a printable text"),
        (["0", str(here), "--reason", "a\x1b[31m"], "must be a printable text"),
    ):
        result = CliRunner().invoke(app, ["skip", *arguments])
        assert result.exit_code == 1
        # `main` prints an expected error; without it, the error is the result's exception.
        assert reason in f"{words(result)} {result.exception}".replace(",", "")
    assert segue("skip", "0", str(here)).exit_code == 2
    with postgres.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM skipped_records")).scalar_one() == 0
    assert segue("skip", "0", str(here), "--reason", "x", "--force").exit_code == 0
