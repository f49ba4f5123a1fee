"""What a contender's program is asked to do: a JSON file, whose name is its only argument."""

import sys
from pathlib import Path

import msgspec

from models.segment_model import SegmentModel


class Job(msgspec.Struct, frozen=True):
    """Where the records come from, and where the results go.

    Attributes
    ----------
    servers, topic, group
        The broker, the topic of invoices and the consumer group.
    changes
        The topic of changes; None publishes none.
    partitions
        The number of partitions of both topics.
    database
        The database, as a ``postgresql://`` URL.
    jdbc
        The same database for Java.
    model
        The segment model.
    threads
        How many threads do the work, where a program can have several.
    folder
        A folder for the program's own files.
    """

    servers: str
    topic: str
    group: str
    changes: str | None
    partitions: int
    database: str
    jdbc: str
    model: SegmentModel
    threads: int
    folder: str


def this_job() -> Job:
    """The job of this process."""
    return msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Job)
