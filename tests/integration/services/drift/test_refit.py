"""A refit has the definition of the champion."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from batch.dataset_frames import profiles_of
from batch.fit import fit
from data.postgres import model_registry
from data.postgres.database import engine, migrate
from data.postgres.stream_profiles import read_profiles
from models.rhythm.carried import METADATA_KEY
from services.drift.refit import refit
from tests.support.dataset_tables import fill
from tests.support.retail import small


@pytest.fixture
def stream(database_url: str) -> Engine:
    """A stream that has applied the whole dataset, whose champion has a recency unit and rank order."""
    migrate(database_url)
    return engine(database_url)


def test_a_refit_keeps_the_recency_unit_and_the_rank_order_of_the_champion(stream: Engine) -> None:
    dataset = small()
    earlier = profiles_of(dataset, dataset.report.last - timedelta(days=100))
    champion = fit(earlier, k=4, monetary="gross", recency_unit=45.0, rank_order=True).model
    model_registry.register(stream, champion)
    fill(stream, dataset.transactions, champion, dataset.report.last)
    found = refit(stream, model_registry.load(stream, champion.version), dataset.report.last, ["psi"])
    assert (found.recency_unit, found.metadata["rank_order"]) == (45.0, True)
    assert found.metadata["named_after"] == champion.version
    now = read_profiles(stream, dataset.report.last).profiles
    expected = fit(
        now,
        k=4,
        monetary="gross",
        recency_unit=45.0,
        rank_order=True,
        champion=champion,
        metadata={name: found.metadata[name] for name in ("dataset", "cutoff", "origin", "because", METADATA_KEY)},
    ).model
    assert found == expected
