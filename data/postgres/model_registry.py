"""Models in Postgres: immutable rows by version, and aliases that point to some of them.

The **champion** is the model that a partition starts with; later ones come to it by the log. The **challenger** is the
newest model that somebody fitted and nobody has activated; where nobody did, it is the shadow that follows the
champion (:mod:`models.drift.challenger`). A refit after drift is **proposed**.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from data.postgres.tables import model_aliases, models, stream_progress
from models.drift.challenger import ORIGIN
from models.segment_model import SegmentModel, from_json, to_json

CHAMPION = "champion"
CHALLENGER = "challenger"
PROPOSED = "proposed"


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered model, the aliases that point to it, and how many partitions it is in force on."""

    model: SegmentModel
    created_at: datetime
    aliases: tuple[str, ...]
    partitions: int


def register(engine: Engine, model: SegmentModel) -> str:
    """Add a model; the first one becomes the champion, a later one the challenger. Returns its alias."""
    with engine.begin() as connection:
        _add(connection, model)
        first = insert(model_aliases).values(alias=CHAMPION, version=model.version)
        connection.execute(first.on_conflict_do_nothing())
        if aliases(connection)[CHAMPION] == model.version:
            return CHAMPION
        _point(connection, CHALLENGER, model.version)
        return CHALLENGER


def make_champion(connection: Connection, version: str) -> None:
    """Make a registered model the champion; it is no challenger and no proposal any more."""
    _point(connection, CHAMPION, version)
    candidate = model_aliases.c.alias.in_([CHALLENGER, PROPOSED])
    connection.execute(delete(model_aliases).where(candidate, model_aliases.c.version == version))


def propose(connection: Connection, model: SegmentModel) -> None:
    """Register a refit as what is proposed."""
    _add(connection, model)
    _point(connection, PROPOSED, model.version)


def register_shadow(connection: Connection, model: SegmentModel) -> None:
    """Register what the shadow has become; it is the challenger, unless there is one that somebody fitted."""
    _add(connection, model)
    origin = models.c.spec["metadata"]["origin"].astext
    query = select(origin).join(model_aliases, model_aliases.c.version == models.c.version)
    standing = connection.execute(query.where(model_aliases.c.alias == CHALLENGER)).one_or_none()
    if standing is None or standing[0] == ORIGIN:
        _point(connection, CHALLENGER, model.version)


def aliases(connection: Connection) -> dict[str, str]:
    """Version by alias."""
    return {row.alias: row.version for row in connection.execute(select(model_aliases))}


def champion_version(engine: Engine) -> str | None:
    """The version of the champion, if there is one."""
    with engine.connect() as connection:
        return aliases(connection).get(CHAMPION)


def champion(engine: Engine) -> SegmentModel | None:
    """The champion, if there is one."""
    version = champion_version(engine)
    return None if version is None else load(engine, version)


def load(engine: Engine, version: str) -> SegmentModel:
    """A registered model.

    Raises
    ------
    LookupError
        If there is none of this version.
    """
    found = load_all(engine, [version])
    if version not in found:
        raise LookupError(f"no model {version} is registered")
    return found[version]


def load_all(engine: Engine, versions: Iterable[str]) -> Mapping[str, SegmentModel]:
    """Those of some models that are registered, by version."""
    with engine.connect() as connection:
        query = select(models.c.spec).where(models.c.version.in_(list(versions)))
        found = [_from_row(spec) for spec in connection.execute(query).scalars()]
    return {model.version: model for model in found}


def find(engine: Engine, name: str) -> SegmentModel:
    """The model that people mean: by alias, by version, or by as much of the version as tells it from all others.

    Raises
    ------
    LookupError
        If there is no such model, or several.
    """
    with engine.connect() as connection:
        version = aliases(connection).get(name, name)
        # Versions are few; a pattern would have to be escaped.
        known = connection.execute(select(models.c.version).order_by(models.c.version)).scalars().all()
    matches = [version] if version in known else [each for each in known if name and name in each]
    if not matches:
        raise LookupError(f"no model {name} is registered: see `segue models list`")
    if len(matches) > 1:
        raise LookupError(f"{name} may be {' or '.join(matches)}: say more of the version")
    return load(engine, matches[0])


def entries(engine: Engine) -> list[Entry]:
    """All registered models, oldest first."""
    force = select(stream_progress.c.model_version, func.count()).group_by(stream_progress.c.model_version)
    with engine.connect() as connection:
        pointing = aliases(connection)
        in_force = {row[0]: row[1] for row in connection.execute(force)}
        rows = connection.execute(select(models).order_by(models.c.created_at, models.c.version)).all()
    return [
        Entry(
            _from_row(row.spec),
            row.created_at,
            tuple(sorted(alias for alias, version in pointing.items() if version == row.version)),
            in_force.get(row.version, 0),
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
    """The names of the segments of all models, by segment id."""
    with engine.connect() as connection:
        specs = [msgspec.convert(spec, SegmentModel) for spec in connection.execute(select(models.c.spec)).scalars()]
    return {segment.id: segment.name for model in specs for segment in model.segments}


def _as_json(model: SegmentModel) -> object:
    return msgspec.json.decode(to_json(model))


def _from_row(spec: object) -> SegmentModel:
    return from_json(msgspec.json.encode(spec))
