"""Print digests of what a replay leaves behind: both topics' values, the tables' rows, and the schema.

Two versions of the code that print the same digests publish the same events, byte for byte, and store the same rows.
The order of records within a topic is not part of a digest, because it depends on batch boundaries across customers.

Run from the root of the repository: ``PYTHONPATH=. .venv/bin/python benchmarks/result_digest.py FILE``
"""

import argparse
import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import text

from batch.fit_dataset import fit_before
from data.datasets.load import load
from data.datasets.selection import default_cutoff
from data.kafka.read_to_end import read_topic
from data.postgres import progress
from segue.local.soak.outcome import stored
from tests.support.local_stack import Local, local, wait_until

_SCHEMA = """
SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY 1, 2
"""


def digest(entries: Iterable[bytes]) -> str:
    """The number of entries, and the beginning of the SHA-256 of the sorted entries."""
    ordered = sorted(entries)
    return f"{len(ordered):>8,} {hashlib.sha256(b''.join(entry + bytes([10]) for entry in ordered)).hexdigest()[:24]}"


def digests(run: Local) -> dict[str, str]:
    """Digests by name, once every change has been published."""
    wait_until(lambda: not progress.unpublished(run.postgres))
    settings = run.settings
    events = {
        topic: [
            (message.key() or b"", message.value() or b"") for message in read_topic(settings.brokers, topic, "digest")
        ]
        for topic in (settings.changes_topic, settings.segments_topic)
    }
    found = {
        "changes": digest(key + b" " + value for key, value in events[settings.changes_topic]),
        "latest states": digest(key + b" " + value for key, value in dict(events[settings.segments_topic]).items()),
    }
    for table, rows in stored(run.postgres).items():
        found[table] = digest(repr((key, sorted(row.items()))).encode() for key, row in rows.items())
    with run.postgres.connect() as connection:
        found["schema"] = digest(repr(tuple(row)).encode() for row in connection.execute(text(_SCHEMA)))
    return found


def main() -> None:
    """Replay a file on a local stack of its own and print the digests."""
    parser = argparse.ArgumentParser(description="Print digests of what a replay of FILE leaves behind.")
    parser.add_argument("file", type=Path)
    dataset = load(parser.parse_args().file)
    with (
        tempfile.TemporaryDirectory() as folder,
        local(Path(folder), fit_before(dataset, default_cutoff(dataset))) as run,
    ):
        run.replay(dataset)
        for name, value in digests(run).items():
            print(f"{name:<16} {value}")  # noqa: T201


if __name__ == "__main__":
    main()
