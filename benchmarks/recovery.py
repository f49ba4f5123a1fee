"""Recovery from faults: the longest time until every partition moves on, for each kind of fault.

    python benchmarks/recovery.py [DATASET] [--faults 20] [--seed 4]

Prints a Markdown table, with the bound beside it. The exit code is 1 if a fault took longer than its bound, or if the
result is not that of an undisturbed run. Needs Java 17 and Maven.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from batch.fit_dataset import fit_before
from data.datasets.selection import choose, default_cutoff
from runtime.settings import Settings
from segue.local.soak.run import undisturbed
from segue.local.soak.storm import StormReport, storm

AFTER_A_KILLED_WORKER = 10.0
AFTER_ANY_OTHER_FAULT = 30.0


def bound(fault: str) -> float:
    """Seconds within which every partition must move on."""
    return AFTER_A_KILLED_WORKER if "worker" in fault else AFTER_ANY_OTHER_FAULT


def slowest(report: StormReport) -> dict[str, float]:
    """The longest recovery in seconds by kind of fault."""
    found: dict[str, float] = {}
    for strike in report.strikes:
        found[strike.fault] = max(strike.recovered_seconds, found.get(strike.fault, 0.0))
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, help="by default the downloaded one, else synthetic data")
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--seed", type=int, default=4)
    arguments = parser.parse_args()
    dataset = choose(arguments.dataset, Settings().datasets_dir).dataset
    model = fit_before(dataset, default_cutoff(dataset))
    with tempfile.TemporaryDirectory(prefix="segue-benchmark-", ignore_cleanup_errors=True) as name:
        expected = undisturbed(Path(name) / "undisturbed", dataset, model)
        choice = {"seed": arguments.seed, "faults": arguments.faults}
        report = storm(Path(name) / "storm", dataset, model, expected, **choice, say=lambda _: None)
    longest = slowest(report)
    sys.stdout.write("| fault | seconds | bound |\n|---|---:|---:|\n")
    for fault, seconds in longest.items():
        sys.stdout.write(f"| {fault} | {seconds:.1f} | {bound(fault):.0f} |\n")
    return int(not report.clean or any(seconds >= bound(fault) for fault, seconds in longest.items()))


if __name__ == "__main__":
    sys.exit(main())
