"""Checks that the log still has the partitions that the stored customers were assigned to."""

from sqlalchemy import Engine, func, select

from data.kafka.log import LogError
from data.kafka.partitioner import partition_of
from data.postgres.tables import customers, stream_progress

_SAMPLE = 1_000


def check_layout(engine: Engine, partitions: int) -> None:
    """Check that the log has as many partitions as before; a customer's history must stay in one partition.

    Raises
    ------
    LogError
        If Postgres has partitions that the log does not have, or customers who would now be in other partitions.
    """
    with engine.connect() as connection:
        known = connection.execute(select(func.count()).select_from(stream_progress)).scalar_one()
        highest = connection.execute(select(func.max(stream_progress.c.partition))).scalar_one()
        sample = connection.execute(select(customers.c.customer_id, customers.c.partition).limit(_SAMPLE)).all()
    moved = any(partition_of(row.customer_id, partitions) != row.partition for row in sample)
    if moved or (known and highest >= partitions):
        raise LogError(
            f"the log has {partitions} partitions, but the data in Postgres was made with another number: customers "
            "would move between partitions, out of the order of their own history; see docs/operations.md"
        )
