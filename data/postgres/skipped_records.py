"""Records that an operator has skipped: the last resort for a partition that does not continue by itself."""

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from data.postgres.tables import skipped_records, stream_progress
from runtime.errors import SegueError


class SkipError(SegueError):
    """A record that can't be skipped, or that there is no need to skip; the message says why."""


def skip(engine: Engine, partition: int, offset: int, reason: str) -> str:
    """Store that a record is to be skipped, and who asked for that; returns the Postgres user.

    The worker reads it after its next failure, or when it claims the partition. A second call replaces the reason.

    Raises
    ------
    SkipError
        If no worker has claimed the partition yet, or it has gone beyond the offset.
    """
    with engine.begin() as connection:
        log_id, next_offset = _progress(connection, partition)
        if offset < next_offset:
            raise SkipError(
                f"offset {offset:,} of partition {partition} is applied already: "
                f"the partition continues from offset {next_offset:,}"
            )
        place = {"log_id": log_id, "partition": partition, "offset": offset}
        request = insert(skipped_records).values(**place, reason=reason, requested_by=func.session_user())
        values = {"reason": reason, "requested_by": func.session_user(), "requested_at": func.now()}
        stored = request.on_conflict_do_update(index_elements=list(place), set_=values)
        user: str = connection.execute(stored.returning(skipped_records.c.requested_by)).scalar_one()
    return user


def _progress(connection: Connection, partition: int) -> tuple[str, int]:
    """The log id and the next offset of a partition."""
    p = stream_progress.c
    row = connection.execute(select(p.log_id, p.next_offset).where(p.partition == partition)).one_or_none()
    if row is None:
        raise SkipError(f"no worker has claimed partition {partition} yet")
    return row.log_id, row.next_offset
