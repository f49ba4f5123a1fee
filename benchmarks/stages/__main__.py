"""Where the CPU of a transaction goes: ``python -m benchmarks.stages [--rounds 3] [--risk] [--json]``.

Decodes, loads, applies, saves and encodes the invoices of ``benchmarks.compare`` in one process, without Kafka, on a
Postgres of its own: four partitions in turn, in batches of each size. The hand-written loop does the same with batches
of its own size. Prints a Markdown table of microseconds of CPU a transaction: each stage of Python, each statement of
Postgres, and all processes of Postgres. Sizes, and versions of the code, that print the same digest have made the same
changes, with events that are the same byte for byte, and stored the same rows.

What a statement costs is taken in a pass of its own, in which each is sent alone. Needs Linux.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec

from benchmarks.stages.bench import Bench
from benchmarks.stages.rhythm import a_rhythm
from benchmarks.stages.tables import markdown, medians
from stream_app.core.risk_columns import ActiveRhythm


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stages", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--invoices", type=int, default=100_000)
    parser.add_argument("--batches", type=int, nargs="+", default=[1_000, 5_000, 20_000], help="records in a batch")
    parser.add_argument("--rounds", type=int, default=3, help="the table has medians")
    parser.add_argument("--risk", action="store_true", help="measure a model that carries a rhythm model as well")
    parser.add_argument("--json", action="store_true", help="print the medians as JSON")
    options = parser.parse_args()
    rhythms = (None, ActiveRhythm(a_rhythm())) if options.risk else (None,)
    with tempfile.TemporaryDirectory(prefix="segue-stages-") as folder:
        bench = Bench(Path(folder), options.invoices)
        try:
            samples = [
                sample
                for _ in range(options.rounds)
                for sample in (
                    bench.handwritten(),
                    *(asyncio.run(bench.worker(size, rhythm)) for size in options.batches for rhythm in rhythms),
                )
            ]
        finally:
            bench.stop()
    found = medians(samples)
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n" if options.json else markdown(found))


if __name__ == "__main__":
    main()
