"""The stages of a worker's pipeline: fetch → decode → apply → commit → publish.

docs/mechanisms/progress.md says where each runs, what bounds it, and what it overlaps with.
"""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Histogram

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Stage(StrEnum):
    """A stage of the pipeline."""

    FETCH = "fetch"
    """The consumer's thread receives and unpacks records; CPU seconds, since it mostly waits for the broker."""
    DECODE = "decode"
    """The records of one list become columns, or dead letters."""
    APPLY = "apply"
    """The stored state of one unit of work is loaded, and its result is computed."""
    COMMIT = "commit"
    """One unit of work is written to Postgres and committed."""
    PUBLISH = "publish"
    """The changes of one or more units of work are written to their topics in one Kafka transaction."""


def stage_seconds(registry: CollectorRegistry) -> Histogram:
    """A histogram of how long each stage works, labelled with the stage."""
    text = "Seconds that a stage of the pipeline worked, each time."
    histogram = Histogram("segue_stage_seconds", text, ["stage"], buckets=_SECONDS, registry=registry)
    for stage in Stage:
        histogram.labels(stage)
    return histogram
