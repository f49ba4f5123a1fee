"""Judgements about the running stream: clocks, lag, stuck partitions and faults of the log."""

from collections.abc import Sequence
from typing import NamedTuple

from runtime.counts import many
from segue.doctor.finding import CheckFinding, ok, problem, warning

_SKEW_WARNING, _SKEW_PROBLEM = 2.0, 60.0


class Partition(NamedTuple):
    """What is known of a partition; ``end`` is None if the broker did not answer. Ages are seconds."""

    number: int
    next_offset: int
    end: int | None
    commit_age: float
    failures: int
    failure: str | None
    to_publish: int


def clock(what: str, ahead: float) -> CheckFinding:
    """Whether another clock agrees with this machine's; ``ahead`` is by how many seconds it is ahead."""
    side = "ahead of" if ahead > 0 else "behind"
    text = f"{what} is {abs(ahead):,.1f} s {side} this machine's clock"
    advice = "synchronise the clocks (NTP): bounds on event times compare them"
    if abs(ahead) > _SKEW_PROBLEM:
        return problem("clock", text, advice)
    return warning("clock", text, advice) if abs(ahead) > _SKEW_WARNING else ok("clock", text)


def newest_record(ahead: float | None) -> CheckFinding:
    """Whether the newest record has a timestamp in this machine's future; None if there is no recent record."""
    if ahead is None:
        return ok("clock", "there is no record whose timestamp could be compared")
    if ahead > _SKEW_WARNING:
        return clock("the newest record's timestamp", ahead)
    return ok("clock", f"the newest record is {max(-ahead, 0):,.0f} s old")


def partition(found: Partition, stuck_seconds: float) -> CheckFinding | None:
    """What is wrong with a partition; None if nothing is."""
    name = f"partition {found.number}"
    lag = 0 if found.end is None else found.end - found.next_offset
    if lag < 0:
        text = f"the log ends at {found.end}, before the stored next offset {found.next_offset}"
        return problem(name, text, "the log was restored to an older copy or cut: see docs/reliability.md")
    if found.failures:
        text = f"{found.failures} failures in a row: {found.failure}"
        return problem(name, text, "read the worker's log; `segue skip` is the last resort")
    if lag and found.commit_age > stuck_seconds:
        text = f"{many(lag, 'record')} behind, and no commit for {found.commit_age:,.0f} s"
        return problem(name, text, "is a worker running? See its log and /readyz")
    return None


def progress(partitions: Sequence[Partition], expected: int | None, stuck_seconds: float) -> list[CheckFinding]:
    """Whether all partitions are claimed and make progress; ``expected`` is None if the broker did not answer."""
    if not partitions:
        return [warning("lag", "no worker has claimed a partition yet", "start `segue worker`")]
    found = [each for row in partitions if (each := partition(row, stuck_seconds)) is not None]
    if expected is not None and len(partitions) < expected:
        missing = sorted({*range(expected)} - {row.number for row in partitions})
        text = f"never claimed: {', '.join(map(str, missing))}"
        found.append(problem("lag", text, "start a worker, and read its log"))
    unpublished = sum(row.to_publish for row in partitions)
    if found:
        return found
    lag = sum(row.end - row.next_offset for row in partitions if row.end is not None)
    behind = f"{many(lag, 'record')} behind" if any(row.end is not None for row in partitions) else "unknown"
    return [ok("lag", f"{behind}, {many(unpublished, 'change')} to publish")]


def log_faults(unresolved: Sequence[str]) -> CheckFinding:
    """Whether the log lost something that nobody has looked at; one text for each fault."""
    if unresolved:
        return problem("log faults", "; ".join(unresolved), "see docs/reliability.md")
    return ok("log faults", "none")
