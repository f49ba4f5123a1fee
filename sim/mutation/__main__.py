"""``python -m sim.mutation``: puts faults back one at a time, and reports the seed that found each of them."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sim.mutation.catalogue import MUTATIONS, named
from sim.mutation.mutation import Mutation
from sim.mutation.search import BrokenError, Finding, Search, database

#: The share of mutations that the simulator must find.
ENOUGH = 0.95
_INTERRUPTED = 130
_WIDTH = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Look for all mutations, or for those that are asked for; returns the exit code."""
    asked = _parser().parse_args(arguments)
    console = Console(stderr=True)
    chosen = named(asked.only) if asked.only else list(MUTATIONS)
    if not chosen:
        console.print(f"error: no mutation has {asked.only!r} in its name", style="red")
        return 2
    try:
        with database() as url:
            search = Search(url, asked.seed, asked.seeds)
            findings = _look(chosen, search, console)
    except KeyboardInterrupt:
        console.print("interrupted")
        return _INTERRUPTED
    except BrokenError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 2
    found = [finding for finding in findings if finding.seed is not None]
    if asked.json:
        report = {"unsound": sorted(search.unsound), "findings": [asdict(finding) for finding in findings]}
        print(json.dumps(report, indent=2))  # noqa: T201
    else:
        output = Console(width=None if sys.stdout.isatty() else _WIDTH)
        output.print(_table(findings))
        output.print(f"{len(found)} of {len(findings)} mutations were found.")
    if search.unsound:
        seeds = ", ".join(map(str, sorted(search.unsound)))
        console.print(f"error: these histories fail without a mutation, too, and did not count: {seeds}", style="red")
    return 0 if not search.unsound and len(found) >= ENOUGH * len(findings) else 1


def _look(chosen: Sequence[Mutation], search: Search, console: Console) -> list[Finding]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    findings = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(chosen))
        for mutation in chosen:
            progress.update(task, description=mutation.name)
            findings.append(search.look_for(mutation))
            progress.advance(task)
            result = "not found" if findings[-1].seed is None else f"seed {findings[-1].seed}"
            progress.print(f"{mutation.name}: {result}", markup=False)
    return findings


def _table(findings: Sequence[Finding]) -> Table:
    """One line for each mutation; a reason that is too long is cut."""
    table = Table("mutation", box=None, pad_edge=False)
    table.add_column("seed", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("reason", no_wrap=True, overflow="ellipsis")
    for finding in findings:
        seed = "none" if finding.seed is None else str(finding.seed)
        table.add_row(Text(finding.name), seed, f"{finding.seconds:.0f}", Text(finding.reason))
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sim.mutation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="the most histories for each mutation")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--only", metavar="NAME", help="only mutations whose name contains this text")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
