"""A shop without a model: customers are collected, and the first model, fitted on them, gives everybody a segment."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from batch.reconcile_stream import check
from data.datasets.selection import default_cutoff
from data.postgres import model_registry, progress
from data.postgres.tables import customers, segment_changes
from models.units import to_micros
from producers.pace import Speed
from producers.replay import Section, occurred_at, split, whole
from producers.replay_session import session
from runtime.settings import Settings
from segue.local.demo import wait_for_worker
from segue.local.stack import Stack
from tests.support.commands import segue
from tests.support.local_stack import wait_until
from tests.support.retail import small


def test_a_stream_that_begins_without_a_model_fits_one_on_itself_and_reconciles(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = small()
    first_year, second_year = split(whole(dataset), dataset, to_micros(default_cutoff(dataset)))
    moments = occurred_at(dataset)
    few = Section(0, 30, int(moments[0]), int(moments[29]))
    with Stack(tmp_path) as stack:
        stack.start_worker()
        stack.watch(lambda _: None)
        with session(Settings(state_dir=tmp_path), max_lag=10_000) as replaying:
            wait_for_worker(replaying)
            postgres = replaying.postgres

            def replay(section: Section) -> None:
                replaying.replay(dataset, lambda _: None).run(section, Speed.parse("max"))

            replay(few)
            with pytest.raises(AssertionError, match="5 segments need 50"):
                segue(tmp_path, "fit", "--from-stream")
            assert "none yet" in segue(tmp_path, "status")
            replay(first_year)
            assert len(progress.collecting(postgres)) == replaying.identity.partitions
            assert progress.totals(postgres).changes == {}

            segue(tmp_path, "fit", "--from-stream")
            version = model_registry.champion_version(postgres)
            assert {row.model_version for row in progress.partitions(postgres)} == {version}
            assert progress.customers_outdated(postgres) == 0
            with postgres.connect() as connection:
                bought = select(func.count()).select_from(customers).where(customers.c.frequency > 0)
                without = bought.where(customers.c.segment.is_(None))
                causes = dict(
                    tuple(row)
                    for row in connection.execute(
                        select(segment_changes.c.cause, func.count()).group_by(segment_changes.c.cause)
                    )
                )
                assert connection.execute(without).scalar_one() == 0
                assert causes == {"first_model": connection.execute(bought).scalar_one()}

            replay(second_year)
            wait_until(lambda: not progress.unpublished(postgres))
            found = check(Settings(state_dir=tmp_path).database, dataset, history=True)
            assert found.differences.empty, found.differences.to_string()
            assert found.history is not None
            assert not found.history.not_comparable
            assert progress.totals(postgres).changes.keys() >= {"first_model", "first_purchase", "decay", "purchase"}
