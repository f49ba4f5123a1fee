"""A real-shaped dataset under a model with a trailing window: fitted, replayed, and reconciled with brute force."""

import json
from pathlib import Path

from sqlalchemy import Engine, func, select

from batch.reconcile_stream import check
from data.datasets.dataset import Dataset
from data.datasets.selection import default_cutoff
from data.postgres import model_registry
from data.postgres.tables import customers, segment_changes
from models.segment_model import SegmentModel
from models.units import to_micros
from producers.replay import split, whole
from tests.support.commands import segue
from tests.support.local_stack import local


def test_a_window_that_is_fitted_on_the_stream_and_activated_expires_orders_and_reconciles(
    medium_dataset: Dataset, medium_model: SegmentModel, tmp_path: Path
) -> None:
    with local(tmp_path, medium_model) as run:
        first_year, second_year = split(
            whole(medium_dataset), medium_dataset, to_micros(default_cutoff(medium_dataset))
        )
        run.replay(medium_dataset, first_year)
        fitted = json.loads(segue(run.stack.state_dir, "fit", "--from-stream", "--window", "180d", "--json"))
        assert fitted["window_days"] == 180
        assert fitted["segments"][-1]["id"] == "inactive"
        segue(run.stack.state_dir, "models", "activate", fitted["version"])
        assert model_registry.champion_version(run.postgres) == fitted["version"]
        run.replay(medium_dataset, second_year)
        with run.postgres.connect() as connection:
            counted = select(segment_changes.c.cause, func.count()).group_by(segment_changes.c.cause)
            causes = {row[0]: row[1] for row in connection.execute(counted)}
            inactive = connection.execute(
                select(func.count()).where(customers.c.segment == "inactive", customers.c.next_change_at.is_(None))
            ).scalar_one()
        assert causes["expiry"] > 100
        assert inactive > 10
        reconciled = check(run.settings.database, medium_dataset, history=True)
        assert reconciled.differences.empty, reconciled.differences.to_string()
        assert reconciled.history is not None
        assert not reconciled.history.not_comparable
        assert reconciled.changes == sum(causes.values())
        one = json.loads(segue(run.stack.state_dir, "customer", _someone(run.postgres), "--json"))["customer"]
        assert one["window_days"] == 180
        assert (one["segment"]["id"], one["frequency"], one["next_change"]) == ("inactive", 0, None)


def _someone(postgres: Engine) -> str:
    """A customer who is inactive."""
    with postgres.connect() as connection:
        query = select(customers.c.customer_id).where(customers.c.segment == "inactive").limit(1)
        return str(connection.execute(query).scalar_one())
