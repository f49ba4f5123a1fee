"""``segue backfill`` of the only model equals the published history, and of any model what scikit-learn finds."""

import csv
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from pyarrow import parquet
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from batch.pipeline import sklearn_pipeline
from data.contract.wire import ModelActivation, Tick
from data.postgres.audience_members import at_one_moment
from data.postgres.pruning import Retention, prune
from data.postgres.whole_histories import history_parts
from models.segment_model import build
from models.units import to_money_units
from runtime.errors import SegueError
from segue.cli.app import app
from segue.cli.errors import one_line
from services.backfill.files import COLUMNS
from services.backfill.run import backfill
from tests.support.builders import random_model
from tests.support.documented import blocks, segue_commands
from tests.support.forgetting import forget_somebody
from tests.support.in_memory_worker import Message
from tests.support.local_stack import PATIENCE, wait_until
from tests.support.oracle import Answer, histories
from tests.support.processed_stream import NOW, Lived, lived, messages, store
from tests.support.signals import heard

DAY = timedelta(days=1)
ROOT = Path(__file__).parents[4]
SENT = messages(60)
CHAMPION, OTHER = random_model("log1p", 5, 1, 60.0), random_model("log1p", 4, 7)
NAMES = {(segment.id, segment.name) for model in (CHAMPION, OTHER) for segment in model.segments}
Run = Callable[..., Result]


@pytest.fixture
def run(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(app, ["backfill", *map(str, arguments)])


def found(result: Result) -> Any:
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    return json.loads(result.stdout)


def refused(result: Result) -> str:
    assert result.exit_code == 1, result.output
    error = result.exception
    return f"{result.output} {one_line(error) if isinstance(error, SegueError) else error}"


def applied(postgres: Engine, *sent: Message, now: datetime = NOW) -> Lived:
    """Let a worker apply the transactions under the champion; OTHER is registered, too."""
    stream = lived(CHAMPION, [*(sent or SENT), Tick(now)])
    store(postgres, CHAMPION, stream, OTHER)
    return stream


Row = tuple[Any, ...]


def published(postgres: Engine, until: datetime = NOW) -> list[Row]:
    """Every published change, without its partition and position."""
    query = (
        "SELECT customer_id, sequence, from_segment, to_segment, cause, effective_at, recency_days, frequency, "
        "monetary, gross, returned, model_version, transaction_id FROM segment_changes "
        "WHERE effective_at <= :until ORDER BY customer_id, sequence"
    )
    with postgres.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), {"until": until})]


def written(path: Path) -> list[Row]:
    """The changes in a file, as :func:`published` returns them."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = [dict(zip(COLUMNS, map(_read, COLUMNS, row.values()), strict=True)) for row in csv.DictReader(file)]
    else:
        rows = parquet.read_table(path).to_pylist()
    assert {(row["to"], row["to_name"]) for row in rows} <= NAMES
    return [tuple(row[name] for name in COLUMNS if name not in ("from_name", "to_name")) for row in rows]


def _read(column: str, cell: str) -> Any:
    """A cell of CSV as what it stands for."""
    if column in ("sequence", "recency_days", "frequency"):
        return int(cell)
    if column in ("monetary", "gross", "returned"):
        return Decimal(cell)
    return datetime.fromisoformat(cell) if column == "effective_at" else cell or None


@pytest.mark.parametrize("name", ["changes.parquet", "changes.csv"])
def test_the_history_of_the_only_model_is_the_published_one_change_by_change(
    run: Run, postgres: Engine, tmp_path: Path, name: str
) -> None:
    applied(postgres)
    content = found(run("champion", "-o", tmp_path / name, "--json"))
    expected = published(postgres)
    assert written(tmp_path / name) == expected
    assert {row[4] for row in expected} == {"first_purchase", "purchase", "return", "decay"}
    assert content["changes"] == {"model": len(expected), "published": len(expected)}
    assert content["compared"]["equal_changes"] == len(expected)
    assert content["compared"]["differing_customers"] == 0
    assert content["compared"]["model"] == content["compared"]["published"]
    assert {each["share"] for each in content["periods"]} == {1.0}
    assert content["published_by"] == {CHAMPION.version: len(expected)}
    assert "All were published by this model." in _flat(run("champion"))


def test_the_history_of_a_model_that_was_never_active_is_what_scikit_learn_finds_day_by_day(
    run: Run, postgres: Engine, tmp_path: Path
) -> None:
    applied(postgres)
    content = found(run(OTHER.version[3:9], "-o", tmp_path / "other.parquet", "--by", "quarter", "--json"))
    orders = pd.DataFrame(
        {
            "customer_id": [each.customer_id for each in SENT],
            "occurred_at": pd.to_datetime([each.occurred_at for each in SENT], utc=True),
            "kind": [each.kind for each in SENT],
            "amount_units": [to_money_units(Decimal(each.amount)) for each in SENT],
        }
    )
    expected = histories(orders, sklearn_pipeline(OTHER), NOW)
    rows = written(tmp_path / "other.parquet")
    answers = [
        Answer(row[0], None if row[2] is None else OTHER.index[row[2]], OTHER.index[row[3]], row[4], row[5])
        for row in rows
    ]
    assert answers == expected
    assert {row[11] for row in rows} == {OTHER.version}

    # Both histories at the end of every quarter, from the changes themselves.
    for period in content["periods"]:
        until = datetime.fromisoformat(period["until"])
        ours = {row[0]: row[3] for row in rows if row[5] < until}
        theirs = {row[0]: row[3] for row in published(postgres) if row[5] < until}
        pairs = Counter((ours.get(customer), theirs.get(customer)) for customer in {*ours, *theirs})
        assert {(each["model"], each["published"]): each["customers"] for each in period["pairs"]} == pairs
        for side, history in (("model", rows), ("published", published(postgres))):
            inside = [row for row in history if datetime.fromisoformat(period["since"]) <= row[5] < until]
            causes = Counter(row[4] for row in inside)
            assert {cause: count for cause, count in period[side]["by_cause"].items() if count} == causes
    assert [each["label"] for each in content["periods"]][:2] == ["Q1 2010", "Q2 2010"]
    assert 0 < content["compared"]["differing_customers"] <= content["customers"]


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_the_size_of_parts_changes_nothing(postgres: Engine, size: int) -> None:
    applied(postgres)
    parts = []
    with at_one_moment(postgres) as connection:
        models = {model.version: model for model in (CHAMPION, OTHER)}
        result = backfill(
            connection, OTHER, models, "month", lambda *part: parts.append(part), lambda *_: None, most_customers=size
        )
        whole = backfill(connection, OTHER, models, "month", lambda *_: None, lambda *_: None)
    assert result == whole
    assert max(len(customers) for customers, _, _ in parts) == min(size, result.customers)


def test_customers_with_many_orders_make_smaller_parts(postgres: Engine) -> None:
    stream = applied(postgres)
    with at_one_moment(postgres) as connection:
        parts = list(history_parts(connection, NOW, most_rows=40))
    assert [each for part in parts for each in part.customer_id] == sorted({each.customer_id for each in SENT})
    assert sum(len(part.orders) for part in parts) == len(stream.transactions)
    assert all(len(part.customer_id) == 1 or len(part.orders) + len(part.published) < 60 for part in parts)


def test_only_what_the_slowest_partition_has_reached_counts(run: Run, postgres: Engine, tmp_path: Path) -> None:
    applied(postgres)
    slow = NOW - 100 * DAY
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = :at WHERE partition = 1"), {"at": slow})
    content = found(run("champion", "-o", tmp_path / "slow.parquet", "--json"))
    expected = published(postgres, slow)
    assert written(tmp_path / "slow.parquet") == expected
    assert len(expected) < len(published(postgres))
    assert content["changes"] == {"model": len(expected), "published": len(expected)}
    assert content["compared"]["model"] == content["compared"]["published"]
    assert (content["compared"]["equal_changes"], content["reached"]) == (len(expected), slow.isoformat())


def test_a_late_order_and_a_revised_one_change_the_histories_of_their_customers_alone(
    run: Run, postgres: Engine, tmp_path: Path
) -> None:
    first = {each.customer_id: each for each in reversed(SENT) if each.kind == "sale"}
    late, edited, gone = list(first.values())[:3]
    sent: list[Message] = [each for each in SENT if each is not late]
    sent.insert(len(sent) * 3 // 4, late)
    revisions = [
        msgspec.structs.replace(edited, amount="90000", revision=1),
        msgspec.structs.replace(gone, kind="cancelled", revision=1),
    ]
    stream = applied(postgres, *sent, *revisions)
    assert sum(row["late"] for row in stream.progress) >= 1
    content = found(run("champion", "-o", tmp_path / "now.parquet", "--json"))
    concerned = {late.customer_id, edited.customer_id, gone.customer_id}
    rows, before = (
        [row for row in side if row[0] not in concerned] for side in _both(tmp_path / "now.parquet", postgres)
    )
    assert rows == before
    assert 0 < content["compared"]["differing_customers"] <= 3
    assert (content["late"], content["revisions"], content["revised_customers"]) == (1, 2, 2)

    # As if all had come in time, with their last content.
    as_now = [revisions[0] if each is edited else each for each in SENT if each is not gone]
    expected = lived(CHAMPION, [*as_now, Tick(NOW)]).changes
    rows = written(tmp_path / "now.parquet")
    assert [(row[0], row[1], row[3], row[4], row[5]) for row in rows] == sorted(
        (row["customer_id"], row["sequence"], row["to_segment"], row["cause"], row["effective_at"]) for row in expected
    )
    assert "1 order came late, and 2 revisions were applied to orders of 2 customers" in _flat(run("champion"))


def _both(file: Path, postgres: Engine) -> tuple[list[Row], list[Row]]:
    return written(file), published(postgres)


def _flat(result: Result) -> str:
    return " ".join(result.output.split())


def test_after_an_activation_the_new_model_is_computed_from_the_beginning(run: Run, postgres: Engine) -> None:
    middle = len(SENT) // 2
    stream = lived(CHAMPION, [*SENT[:middle], ModelActivation(OTHER), *SENT[middle:], Tick(NOW)])
    store(postgres, CHAMPION, stream, OTHER)
    content = found(run(OTHER.version, "--json"))
    assert set(content["published_by"]) == {CHAMPION.version, OTHER.version}
    assert content["compared"]["model"]["by_cause"]["model"] == 0
    assert content["compared"]["published"]["by_cause"]["model"] > 0
    # Since the activation, both are in the same segments.
    assert content["periods"][0]["share"] < 1
    assert content["periods"][-1]["share"] == 1.0


def test_segments_have_the_names_of_the_model_and_their_ids_where_names_are_the_same(
    run: Run, postgres: Engine
) -> None:
    # OTHER has segments with the same ids, is registered later and calls them otherwise.
    named = [msgspec.structs.replace(each, name="Regulars") for each in CHAMPION.segments[:2]]
    segments, unit = (*named, *CHAMPION.segments[2:]), CHAMPION.recency_unit
    renamed = build(CHAMPION.monetary, CHAMPION.transform, CHAMPION.means, CHAMPION.scales, segments, recency_unit=unit)
    store(postgres, renamed, lived(renamed, [*SENT, Tick(NOW)]), OTHER)
    shown = found(run(renamed.version, "--json"))["periods"][-1]["segments"]
    assert [each["name"] for each in shown] == [each.name for each in segments]
    table = run(renamed.version).output
    assert f"Regulars ({segments[0].id})" in table
    assert f"Regulars ({segments[1].id})" in table


def test_pruned_history_limits_the_comparison_only(run: Run, postgres: Engine, tmp_path: Path) -> None:
    applied(postgres)
    whole = found(run("champion", "-o", tmp_path / "before.parquet", "--json"))
    assert (prune(postgres, Retention(changes=200 * DAY), NOW).changes or 0) > 10
    result = run("champion", "-o", tmp_path / "after.parquet", "--json")
    content = found(result)
    assert written(tmp_path / "after.parquet") == written(tmp_path / "before.parquet")
    since = datetime.fromisoformat(content["published_since"])
    kept = [each for each in whole["periods"] if datetime.fromisoformat(each["since"]) >= since]
    assert 0 < len(kept) < len(whole["periods"])
    assert [(each["label"], each["pairs"], each["equal_changes"]) for each in content["periods"]] == [
        (each["label"], each["pairs"], each["equal_changes"]) for each in kept
    ]
    assert content["compared"]["differing_customers"] == 0
    assert f"the comparison begins with {kept[0]['label']}" in _flat(run("champion"))
    prune(postgres, Retention(changes=timedelta()), NOW)
    assert found(run("champion", "--json"))["periods"] == []
    assert "nothing is compared" in _flat(run("champion"))


def test_forgotten_customers_are_missing_and_counted(run: Run, postgres: Engine, tmp_path: Path) -> None:
    applied(postgres)
    gone = forget_somebody(postgres)
    result = run("champion", "-o", tmp_path / "rest.parquet")
    assert "1 customer was forgotten" in _flat(result)
    assert gone not in {row[0] for row in written(tmp_path / "rest.parquet")}


def test_ids_with_any_characters_come_back_as_they_were(run: Run, postgres: Engine, tmp_path: Path) -> None:
    ids = ["NA", "it's", "100%%", r"back\slash", 'quote"d', "=1+1", "ä,ö", "😀"]
    names = dict(zip(sorted({each.customer_id for each in SENT})[: len(ids)], ids, strict=True))
    renamed = [
        msgspec.structs.replace(each, customer_id=names[each.customer_id]) for each in SENT if each.customer_id in names
    ]
    applied(postgres, *renamed)
    for name in ("odd.csv", "odd.parquet"):
        assert found(run("champion", "-o", tmp_path / name, "--json"))["compared"]["differing_customers"] == 0
        assert written(tmp_path / name) == published(postgres)


def test_the_commands_of_the_page_do_what_it_says(
    run: Run, postgres: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(postgres)
    monkeypatch.chdir(tmp_path)
    [block] = blocks("docs/backfill.md")
    months, quarters, file = (run(*arguments[1:]) for arguments in segue_commands(block))
    assert "Jun 2011" in months.output
    assert found(quarters)["by"] == "quarter"
    assert file.exit_code == 0, file.output
    assert len(written(tmp_path / "history.parquet")) == found(run("challenger", "--json"))["changes"]["model"]


def test_nothing_in_the_stream_changes_and_the_file_is_recorded(run: Run, postgres: Engine, tmp_path: Path) -> None:
    applied(postgres)
    tables = ("customers", "transactions", "segment_changes", "stream_progress", "models", "model_aliases")

    def content() -> list[Any]:
        with postgres.connect() as connection:
            return [connection.execute(text(f"SELECT t::text FROM {name} t ORDER BY 1")).all() for name in tables]

    before = content()
    rows = found(run(OTHER.version, "-o", tmp_path / "other.csv", "--json"))["changes"]["model"]
    assert content() == before
    with postgres.connect() as connection:
        acts = connection.execute(text("SELECT act, object, outcome, detail->>'rows' FROM audit ORDER BY id")).all()
    assert [tuple(act) for act in acts][-1] == ("backfill", OTHER.version, "done", str(rows))


def test_what_cannot_be_done_is_said_in_one_line(run: Run, postgres: Engine, tmp_path: Path) -> None:
    store(postgres, CHAMPION, Lived([], [], [], [], []), OTHER)
    assert "not reached any event time" in refused(run("champion"))
    assert "no model nonsense is registered" in refused(run("nonsense"))
    (tmp_path / "folder.csv").mkdir()
    assert "folder.csv is a folder" in refused(run("champion", "-o", tmp_path / "folder.csv"))
    assert "must end with .csv or .parquet" in refused(run("champion", "-o", tmp_path / "out.xlsx"))
    (tmp_path / "there.csv").write_text("mine")
    assert "--force" in refused(run("champion", "-o", tmp_path / "there.csv"))
    assert "not reached any event time" in refused(run("champion", "-o", tmp_path / "there.csv", "--force"))
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "there.csv"]


def test_a_run_that_is_stopped_leaves_no_file(run: Run, postgres: Engine, tmp_path: Path) -> None:
    applied(postgres)
    command = [sys.executable, "-m", "segue", "backfill", "champion", "-o", str(tmp_path / "out.parquet")]
    with postgres.begin() as connection:
        # Both wait for this lock, with their drafts open.
        connection.execute(text("LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE"))
        running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, preexec_fn=heard) for _ in range(2)]
        wait_until(lambda: len(list(tmp_path.glob(".segue-*"))) == 2)
        for process, number in zip(running, (signal.SIGINT, signal.SIGTERM), strict=True):
            process.send_signal(number)
        ends = [(process.communicate(timeout=PATIENCE)[1], process.returncode) for process in running]
    assert [code for _, code in ends] == [130, 130]
    assert [b"Traceback" in said for said, _ in ends] == [False, False]
    assert list(tmp_path.iterdir()) == []
