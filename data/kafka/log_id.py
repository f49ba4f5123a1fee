"""Ids of a log and of its generations: after a loss of records, the offsets of a log belong to other records."""

import re

#: A pattern of the generation at the end of a log id, for Python and for Postgres.
GENERATION = "#[0-9]+$"


def base_id(log_id: str) -> str:
    """A log id without its generation.

    >>> base_id("cluster/topic#2")
    'cluster/topic'
    """
    return re.sub(GENERATION, "", log_id)


def next_generation(log_id: str) -> str:
    """The id of the same log after it has lost records.

    >>> next_generation("cluster/topic"), next_generation("cluster/topic#2")
    ('cluster/topic#2', 'cluster/topic#3')
    """
    base = base_id(log_id)
    generation = log_id.removeprefix(base).removeprefix("#")
    return f"{base}#{int(generation or 1) + 1}"
