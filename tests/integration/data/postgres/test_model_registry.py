import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from data.postgres import model_registry
from data.postgres.database import engine
from models.personas import name_segments
from models.segment_model import SegmentModel, build
from runtime.errors import NotFoundError


def model(number: int) -> SegmentModel:
    centroids = np.array([[1.0, -1.0, -1.0], [-1.3, 1.9, 1.5], [-0.6, 0.2, float(number)]])
    metadata = {"customers": number, "k_curve": [{"k": 2, "silhouette": None}]}
    return build("net", "log1p", (4.0, 1.0, 6.0), (1.0, 1.0, 1.0), name_segments(centroids), metadata)


ONE, TWO, THREE = model(1), model(2), model(3)


@pytest.fixture
def postgres(migrated_url: str) -> Engine:
    return engine(migrated_url)


def test_the_first_model_is_the_champion_and_the_newest_after_it_the_challenger(postgres: Engine) -> None:
    assert model_registry.champion(postgres) is None
    assert [model_registry.register(postgres, each) for each in (ONE, TWO, THREE, ONE)] == [
        "champion",
        "challenger",
        "challenger",
        "champion",
    ]
    assert [(entry.model, entry.aliases) for entry in model_registry.entries(postgres)] == [
        (ONE, ("champion",)),
        (TWO, ()),
        (THREE, ("challenger",)),
    ]
    assert model_registry.champion(postgres) == ONE


def test_a_challenger_that_becomes_the_champion_has_no_other_alias(postgres: Engine) -> None:
    for each in (ONE, TWO):
        model_registry.register(postgres, each)
    with postgres.begin() as connection:
        model_registry.make_champion(connection, TWO.version)
    with postgres.connect() as connection:
        assert model_registry.aliases(connection) == {"champion": TWO.version}


def test_making_another_model_the_champion_keeps_the_challenger(postgres: Engine) -> None:
    for each in (ONE, TWO, THREE):
        model_registry.register(postgres, each)
    with postgres.begin() as connection:
        model_registry.make_champion(connection, TWO.version)
        assert model_registry.aliases(connection) == {"champion": TWO.version, "challenger": THREE.version}


def test_registering_a_model_again_does_not_change_it(postgres: Engine) -> None:
    model_registry.register(postgres, ONE)
    same = build(ONE.monetary, ONE.transform, ONE.means, ONE.scales, ONE.segments, {"customers": 99})
    assert same.version == ONE.version
    model_registry.register(postgres, same)
    assert model_registry.load(postgres, ONE.version) == ONE


def test_a_model_is_found_by_alias_by_version_and_by_a_part_of_it(postgres: Engine) -> None:
    for each in (ONE, TWO):
        model_registry.register(postgres, each)
    for name in ("challenger", TWO.version, TWO.version[3:9]):
        assert model_registry.find(postgres, name) == TWO


@pytest.mark.parametrize(
    ("name", "reason"),
    [("k3-", "k3-.* or k3-"), ("k9", "no model k9 is registered"), ("", "no model"), ("%", "no model")],
)
def test_a_name_that_fits_no_model_or_several_is_refused(postgres: Engine, name: str, reason: str) -> None:
    for each in (ONE, TWO):
        model_registry.register(postgres, each)
    with pytest.raises(NotFoundError, match=reason):
        model_registry.find(postgres, name)


def test_unregistered_models_are_not_loaded(postgres: Engine) -> None:
    model_registry.register(postgres, ONE)
    assert model_registry.load_all(postgres, [ONE.version, "k1-unheard-of"]) == {ONE.version: ONE}
    with pytest.raises(NotFoundError, match="no model k1-unheard-of is registered"):
        model_registry.load(postgres, "k1-unheard-of")


def test_the_shadow_is_the_challenger_unless_a_fitted_model_is(postgres: Engine) -> None:
    shadows = [replace(each, metadata={"origin": "shadow"}) for each in (TWO, THREE)]
    model_registry.register(postgres, ONE)
    for shadow in shadows:
        with postgres.begin() as connection:
            model_registry.register_shadow(connection, shadow)
            assert model_registry.aliases(connection)["challenger"] == shadow.version
    fitted = model(4)
    model_registry.register(postgres, fitted)
    with postgres.begin() as connection:
        model_registry.register_shadow(connection, shadows[0])
        assert model_registry.aliases(connection)["challenger"] == fitted.version


def test_a_proposal_that_becomes_the_champion_is_no_longer_proposed(postgres: Engine) -> None:
    model_registry.register(postgres, ONE)
    with postgres.begin() as connection:
        model_registry.propose(connection, TWO)
        assert model_registry.aliases(connection) == {"champion": ONE.version, "proposed": TWO.version}
        model_registry.make_champion(connection, TWO.version)
        assert model_registry.aliases(connection) == {"champion": TWO.version}
