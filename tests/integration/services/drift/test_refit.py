"""A refit has the definition of the champion."""

from datetime import timedelta

from sqlalchemy import Engine

from batch.dataset_frames import profiles_of
from batch.fit import fit
from data.postgres import model_registry
from data.postgres.stream_profiles import read_profiles
from models.rhythm.carried import METADATA_KEY
from services.drift.refit import refit
from tests.support.dataset_tables import fill
from tests.support.retail import small


def test_a_refit_keeps_the_recency_unit_and_the_rank_order_of_the_champion(postgres: Engine) -> None:
    dataset = small()
    earlier = profiles_of(dataset, dataset.report.last - timedelta(days=100))
    champion = fit(earlier, k=4, monetary="gross", recency_unit=45.0, rank_order=True).model
    model_registry.register(postgres, champion)
    fill(postgres, dataset.transactions, champion, dataset.report.last)
    found = refit(postgres, model_registry.load(postgres, champion.version), dataset.report.last, ["psi"])
    assert (found.recency_unit, found.metadata["rank_order"]) == (45.0, True)
    assert found.metadata["named_after"] == champion.version
    now = read_profiles(postgres, dataset.report.last).profiles
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
