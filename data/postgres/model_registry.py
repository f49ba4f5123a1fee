"""The model registry: an immutable row for each model version, and aliases that point to versions.

The **champion** is the model that a partition starts with; later models come by the log. The **challenger** is the
newest fitted model that has not been activated. If there is none, the challenger is the shadow model that follows the
champion (:mod:`models.drift.challenger`). **Proposed** is the newest refit after drift.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, Text, case, cast, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from data.postgres.aliases import CHALLENGER, CHAMPION, PROPOSED
from data.postgres.tables import model_aliases, models, stream_progress
from models.drift.challenger import ORIGIN
from models.segment_model import MOST_METADATA_BYTES, SegmentModel, from_registry, to_json
from runtime.errors import Hint, NotFoundError

_metadata = cast(models.c.spec["metadata"], Text)
# Postgres takes the specification apart: a driver can't read metadata that is nested too deeply. Space between its
# values doubles the length of JSON at most.
SPECIFICATION = (
    cast(models.c.spec.op("-")("metadata"), Text).label("specification"),
    case((func.length(_metadata) <= 2 * MOST_METADATA_BYTES, _metadata)).label("metadata"),
)
"""The columns that :func:`from_row` needs."""


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A registered model, the aliases that point to it, and the number of partitions on which it is active."""

    model: SegmentModel
    created_at: datetime
    aliases: tuple[str, ...]
    partitions: int


def register(engine: Engine, model: SegmentModel) -> str:
    """Register a model; the first one becomes the champion, a later one the challenger. Returns its alias."""
    with engine.begin() as connection:
        _add(connection, model)
        if CHAMPION not in aliases(connection):
            # A partition that begins now waits for this lock, and then starts with this model. One that has begun
            # without a model has committed that, so that `segue fit` and the like know that the log must bring it.
            connection.execute(text("LOCK TABLE stream_progress IN SHARE ROW EXCLUSIVE MODE"))
        first = insert(model_aliases).values(alias=CHAMPION, version=model.version)
        connection.execute(first.on_conflict_do_nothing())
        if aliases(connection)[CHAMPION] == model.version:
            return CHAMPION
        _point(connection, CHALLENGER, model.version)
        return CHALLENGER


def may_register(engine: Engine) -> bool:
    """Whether this user of the database may register models."""
    rights = (func.has_table_privilege(table.name, "INSERT") for table in (models, model_aliases))
    with engine.connect() as connection:
        return all(connection.execute(select(*rights)).one())


def make_champion(connection: Connection, version: str) -> None:
    """Make a registered model the champion, and remove the aliases of a candidate from it."""
    _point(connection, CHAMPION, version)
    candidate = model_aliases.c.alias.in_([CHALLENGER, PROPOSED])
    connection.execute(delete(model_aliases).where(candidate, model_aliases.c.version == version))


def propose(connection: Connection, model: SegmentModel) -> None:
    """Register a refit and make it the proposed model."""
    _add(connection, model)
    _point(connection, PROPOSED, model.version)


def register_shadow(connection: Connection, model: SegmentModel) -> None:
    """Register the present shadow model; it becomes the challenger unless a fitted model is."""
    _add(connection, model)
    origin = models.c.spec["metadata"]["origin"].astext
    query = select(origin).join(model_aliases, model_aliases.c.version == models.c.version)
    challenger = connection.execute(query.where(model_aliases.c.alias == CHALLENGER)).one_or_none()
    if challenger is None or challenger[0] == ORIGIN:
        _point(connection, CHALLENGER, model.version)


def aliases(connection: Connection) -> dict[str, str]:
    """Version by alias."""
    return {row.alias: row.version for row in connection.execute(select(model_aliases))}


def champion_version(engine: Engine) -> str | None:
    """The version of the champion, if there is one."""
    with engine.connect() as connection:
        return aliases(connection).get(CHAMPION)


def require_champion_version(engine: Engine) -> str:
    """The version of the champion.

    Raises
    ------
    NotFoundError
        If there is none yet.
    """
    version = champion_version(engine)
    if version is None:
        raise NotFoundError("there is no model yet", Hint.FIT_A_MODEL)
    return version


def champion(engine: Engine) -> SegmentModel | None:
    """The champion, if there is one."""
    with engine.connect() as connection:
        return read_champion(connection)


def read_champion(connection: Connection) -> SegmentModel | None:
    """The champion, if there is one.

    Raises
    ------
    ModelError
        If its stored specification is not a valid model.
    """
    query = select(*SPECIFICATION).select_from(models).join(model_aliases).where(model_aliases.c.alias == CHAMPION)
    row = connection.execute(query).one_or_none()
    return None if row is None else from_row(row)


def load(engine: Engine, version: str) -> SegmentModel:
    """A registered model.

    Raises
    ------
    NotFoundError
        If no model of this version is registered.
    """
    found = load_all(engine, [version])
    if version not in found:
        raise NotFoundError(f"no model {version} is registered")
    return found[version]


def load_all(engine: Engine, versions: Iterable[str]) -> Mapping[str, SegmentModel]:
    """The registered ones among some versions, by version."""
    with engine.connect() as connection:
        return read_all(connection, versions)


def read_all(connection: Connection, versions: Iterable[str]) -> Mapping[str, SegmentModel]:
    """:func:`load_all` over an open connection."""
    query = select(*SPECIFICATION).where(models.c.version.in_(list(versions)))
    found = [from_row(row) for row in connection.execute(query)]
    return {model.version: model for model in found}


def find(engine: Engine, name: str) -> SegmentModel:
    """A model by its alias, its version, or a part of its version that no other version contains.

    Raises
    ------
    NotFoundError
        If no model has this name, or several have.
    """
    with engine.connect() as connection:
        version = aliases(connection).get(name, name)
        # There are few versions, and comparing here needs no escaping, unlike a LIKE pattern.
        known = connection.execute(select(models.c.version).order_by(models.c.version)).scalars().all()
    matches = [version] if version in known else [each for each in known if name and name in each]
    if not matches:
        raise NotFoundError(f"no model {name} is registered", Hint.LIST_MODELS)
    if len(matches) > 1:
        raise NotFoundError(f"{name} may be {' or '.join(matches)}: give more of the version")
    return load(engine, matches[0])


def entries(engine: Engine) -> list[RegisteredModel]:
    """All registered models, oldest first."""
    active = select(stream_progress.c.model_version, func.count()).group_by(stream_progress.c.model_version)
    with engine.connect() as connection:
        pointing = aliases(connection)
        partitions = {row[0]: row[1] for row in connection.execute(active)}
        query = select(models.c.version, models.c.created_at, *SPECIFICATION)
        rows = connection.execute(query.order_by(models.c.created_at, models.c.version)).all()
    return [
        RegisteredModel(
            from_row(row),
            row.created_at,
            tuple(sorted(alias for alias, version in pointing.items() if version == row.version)),
            partitions.get(row.version, 0),
        )
        for row in rows
    ]


def _add(connection: Connection, model: SegmentModel) -> None:
    row = insert(models).values(version=model.version, spec=_as_json(model))
    connection.execute(row.on_conflict_do_nothing())


def _point(connection: Connection, alias: str, version: str) -> None:
    pointer = insert(model_aliases).values(alias=alias, version=version)
    moved = pointer.on_conflict_do_update(index_elements=[model_aliases.c.alias], set_={"version": version})
    connection.execute(moved)


def personas(engine: Engine) -> dict[str, str]:
    """:func:`read_personas` over a connection of its own."""
    with engine.connect() as connection:
        return read_personas(connection)


def read_personas(connection: Connection) -> dict[str, str]:
    """The names of the segments of all models, by segment id; the newest model decides how one is called."""
    specifications = connection.execute(select(SPECIFICATION[0]).order_by(models.c.created_at, models.c.version))
    found = [msgspec.json.decode(text, type=SegmentModel) for text in specifications.scalars()]
    return {segment.id: segment.name for model in found for segment in model.segments}


def _as_json(model: SegmentModel) -> object:
    return msgspec.json.decode(to_json(model))


def from_row(row: Row[Any]) -> SegmentModel:
    """The model of a row with the columns :data:`SPECIFICATION`.

    Raises
    ------
    ModelError
        If the stored specification is not a valid model.
    """
    return from_registry(row.specification, row.metadata)
