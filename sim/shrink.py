"""Makes a failing plan smaller while it still fails: fewer faults, fewer records, fewer workers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sim.history import Plan

T = TypeVar("T")


def shrunk(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """A smaller plan that ``fails``, too."""

    def with_faults(faults: Sequence[Any]) -> Plan:
        return replace(plan, faults=tuple(faults))

    def with_arrivals(arrivals: Sequence[Any]) -> Plan:
        return replace(plan, workload=replace(plan.workload, arrivals=list(arrivals)))

    plan = with_faults(_fewer(plan.faults, lambda some: fails(with_faults(some))))
    plan = with_arrivals(_fewer(plan.workload.arrivals, lambda some: fails(with_arrivals(some))))
    plan = with_faults(_fewer(plan.faults, lambda some: fails(with_faults(some))))
    for workers in range(1, plan.workers):
        fewer = replace(plan, workers=workers)
        if fails(fewer):
            return fewer
    return plan


def _fewer(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Leave ever smaller parts out, as long as the rest still fails."""
    kept, size = list(items), max(len(items) // 2, 1)
    while kept:
        at, dropped = 0, False
        while at < len(kept):
            rest = kept[:at] + kept[at + size :]
            if fails(rest):
                kept, dropped = rest, True
            else:
                at += size
        if size == 1 and not dropped:
            break
        size = max(size // 2, 1)
    return kept
