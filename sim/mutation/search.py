"""Lets the simulator look for a mutation: its histories run on a copy of the packages, in a process of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from data.postgres.database import migrate
from segue.local.postgres import SYNC_VARIABLE, LocalPostgres
from sim.mutation.mutation import Mutation, copy_with

_FOUND, _NOT_FOUND = 1, 0
_STOP_SECONDS = 30


class BrokenError(Exception):
    """The simulator has ended without a result: the mutation is no use, or the simulator has a defect."""


@dataclass(frozen=True, slots=True)
class MutationResult:
    """What came of looking for one mutation.

    ``seed`` is the first one whose history has failed, and ``reason`` why; None and an empty text if none has.
    ``seconds`` is how long the search took, the start of the process included.
    """

    name: str
    seed: int | None
    seconds: float
    reason: str


@contextmanager
def database() -> Iterator[str]:
    """The URL of a new database with all tables, for one search after another."""
    os.environ[SYNC_VARIABLE] = "off"
    with TemporaryDirectory(prefix="segue-mutation-") as folder:
        server = LocalPostgres.start(Path(folder) / "postgres")
        try:
            migrate(server.url)
            yield server.url
        finally:
            server.stop()


class Search:
    """Looks for mutations on databases whose content is deleted; :meth:`look_for` may run in one thread for each.

    A history counts only if it passes without the mutation. ``unsound`` has the seeds of those that do not.
    """

    def __init__(self, database_urls: Sequence[str], first_seed: int, histories: int) -> None:
        self._free: SimpleQueue[str] = SimpleQueue()
        for url in database_urls:
            self._free.put(url)
        self._seeds = range(first_seed, first_seed + histories)
        self._sound: set[int] = set()
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False
        self.unsound: set[int] = set()

    def look_for(self, mutation: Mutation) -> MutationResult:
        """Run histories until one fails because of a mutation.

        Raises
        ------
        BrokenError
            If the simulator does not say what came of its histories.
        """
        began, seed, left = time.monotonic(), None, self._seeds
        reason = ""
        while seed is None and left:
            failed = self._first_failure(mutation, left)
            if failed is None:
                break
            if self._passes_without(failed.seed):
                seed, reason = failed.seed, failed.reason
            left = range(failed.seed + 1, self._seeds.stop)
        return MutationResult(mutation.name, seed, round(time.monotonic() - began, 1), reason)

    def close(self) -> None:
        """End all histories that run; a caller that waits for one gets a BrokenError."""
        self._closed = True
        for process in list(self._running):
            _end(process)

    def _passes_without(self, seed: int) -> bool:
        """Whether the history of a seed passes in the code as it is."""
        if seed not in self._sound | self.unsound:
            passes = self._first_failure(None, range(seed, seed + 1)) is None
            (self._sound if passes else self.unsound).add(seed)
        return seed in self._sound

    def _first_failure(self, mutation: Mutation | None, seeds: range) -> "_Failure | None":
        url = self._free.get()
        try:
            with TemporaryDirectory(prefix="segue-mutation-") as folder:
                report = self._simulate(copy_with(mutation, Path(folder)), seeds, url)
        finally:
            self._free.put(url)
        return next((_Failure(failed["seed"], failed["reason"]) for failed in report["failed"]), None)

    def _simulate(self, folder: Path, seeds: range, database_url: str) -> dict[str, Any]:
        count = ("--seed", str(seeds.start), "--histories", str(len(seeds)))
        options = (*count, "--database", database_url, "--stop-at-first", "--json")
        process = subprocess.Popen(
            (sys.executable, "-m", "segue", "sim", *options),
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C reaches this process only, which then ends the other one.
            start_new_session=True,
        )
        self._running.add(process)
        try:
            if self._closed:
                _end(process)
            output, complaints = process.communicate()
        finally:
            self._running.discard(process)
        if process.returncode not in (_FOUND, _NOT_FOUND) or self._closed:
            raise BrokenError(f"the simulator ended with exit code {process.returncode}: {complaints.strip()[-600:]}")
        try:
            report: dict[str, Any] = json.loads(output)
        except ValueError:
            raise BrokenError(f"the simulator did not report in JSON: {(output + complaints).strip()[-600:]}") from None
        return report


class _Failure(NamedTuple):
    seed: int
    reason: str


def _end(process: "subprocess.Popen[str]") -> None:
    """End the simulator, and give it time to disconnect."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
