"""``python -m sim.mutation``: puts faults back one at a time, and reports the seed that found each of them."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict
from textwrap import shorten

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sim.mutation.catalogue import MUTATIONS, named
from sim.mutation.mutation import Mutation
from sim.mutation.search import BrokenError, MutationResult, Search, database

#: The share of mutations that the simulator must find.
ENOUGH = 0.95
_INTERRUPTED = 130
_REASON = 70


def main(arguments: Sequence[str] | None = None) -> int:
    """Look for all mutations, or for those that are asked for; returns the exit code."""
    asked = _parser().parse_args(arguments)
    console = Console(stderr=True)
    chosen = named(asked.only) if asked.only else list(MUTATIONS)
    if not chosen:
        console.print(f"error: no mutation has {asked.only!r} in its name", style="red")
        return 2
    try:
        with ExitStack() as databases:
            urls = [databases.enter_context(database()) for _ in range(asked.jobs)]
            search = Search(urls, asked.seed, asked.seeds)
            databases.callback(search.close)
            findings = _look(chosen, search, asked.jobs, console)
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
        print("\n".join(_table(findings)))  # noqa: T201
        print(f"\n{len(found)} of {len(findings)} mutations were found.")  # noqa: T201
    if search.unsound:
        seeds = ", ".join(map(str, sorted(search.unsound)))
        console.print(f"error: these histories fail without a mutation, too, and did not count: {seeds}", style="red")
    return 0 if not search.unsound and len(found) >= ENOUGH * len(findings) else 1


def _look(chosen: Sequence[Mutation], search: Search, jobs: int, console: Console) -> list[MutationResult]:
    """Look for mutations side by side; returns what came of each, in their order."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    findings: dict[str, MutationResult] = {}
    with Progress(*columns, console=console, transient=True) as progress, ThreadPoolExecutor(jobs) as threads:
        task = progress.add_task("mutations", total=len(chosen))
        searches = [threads.submit(search.look_for, mutation) for mutation in chosen]
        try:
            for done in as_completed(searches):
                finding = findings[done.result().name] = done.result()
                progress.advance(task)
                result = "not found" if finding.seed is None else f"seed {finding.seed}"
                progress.print(f"{finding.name}: {result}, {finding.seconds:.0f} s", markup=False)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            search.close()
            raise
    return [findings[mutation.name] for mutation in chosen]


def _table(findings: Sequence[MutationResult]) -> Iterator[str]:
    """The lines of a Markdown table; a reason that is too long is cut."""
    yield "| mutation | seed | what the simulator says |"
    yield "|---|---|---|"
    for finding in findings:
        reason = shorten(finding.reason, _REASON, placeholder=" …").replace("|", "\\|")
        yield f"| {finding.name} | {'none' if finding.seed is None else finding.seed} | {reason} |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sim.mutation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="the most histories for each mutation")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many are looked for at a time")
    parser.add_argument("--only", metavar="NAME", help="only mutations whose name contains this text")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
