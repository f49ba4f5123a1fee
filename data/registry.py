"""Models in Postgres: immutable rows by version, and the alias that says which one is the champion."""

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert

from data.tables import model_aliases, models
from models.segment_model import SegmentModel, from_json, to_json

CHAMPION = "champion"


def register(engine: Engine, model: SegmentModel) -> bool:
    """Add a model; the first one becomes the champion. Returns whether it is the champion."""
    with engine.begin() as connection:
        spec = insert(models).values(version=model.version, spec=_as_json(model))
        connection.execute(spec.on_conflict_do_nothing())
        first = insert(model_aliases).values(alias=CHAMPION, version=model.version)
        connection.execute(first.on_conflict_do_nothing())
    return champion_version(engine) == model.version


def champion_version(engine: Engine) -> str | None:
    """The version of the champion, if there is one."""
    query = select(model_aliases.c.version).where(model_aliases.c.alias == CHAMPION)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one_or_none()


def load(engine: Engine, version: str) -> SegmentModel:
    """A registered model.

    Raises
    ------
    LookupError
        If there is none of this version.
    """
    with engine.connect() as connection:
        spec = connection.execute(select(models.c.spec).where(models.c.version == version)).scalar_one_or_none()
    if spec is None:
        raise LookupError(f"no model {version} is registered")
    return from_json(msgspec.json.encode(spec))


def _as_json(model: SegmentModel) -> object:
    return msgspec.json.decode(to_json(model))
