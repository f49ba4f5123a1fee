"""Makes a failing plan smaller while it still fails: fewer faults, fewer records, fewer workers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, TypeVar

from sim.faults import Fault
from sim.history import HistoryPlan

T = TypeVar("T")
_MOST_FOR_PAIRS = 12


def shrunk(plan: HistoryPlan, fails: Callable[[HistoryPlan], bool]) -> HistoryPlan:
    """A smaller plan that ``fails``, too."""
    size = None
    while size != (size := (len(plan.faults), len(plan.workload.arrivals), plan.workers)):
        plan = _with_fewer_workers(_with_fewer_arrivals(_with_fewer_faults(plan, fails), fails), fails)
        plan = _with_earlier_faults(plan, fails)
    return plan


def _with_fewer_faults(plan: HistoryPlan, fails: Callable[[HistoryPlan], bool]) -> HistoryPlan:
    def with_faults(faults: Sequence[Fault]) -> HistoryPlan:
        return replace(plan, faults=tuple(faults))

    return with_faults(_fewer(plan.faults, lambda some: fails(with_faults(some))))


def _with_fewer_arrivals(plan: HistoryPlan, fails: Callable[[HistoryPlan], bool]) -> HistoryPlan:
    def with_arrivals(arrivals: Sequence[Any]) -> HistoryPlan:
        return replace(plan, workload=replace(plan.workload, arrivals=list(arrivals)))

    return with_arrivals(_fewer(plan.workload.arrivals, lambda some: fails(with_arrivals(some))))


def _with_fewer_workers(plan: HistoryPlan, fails: Callable[[HistoryPlan], bool]) -> HistoryPlan:
    fewer = (replace(plan, workers=workers) for workers in range(1, plan.workers))
    return next(filter(fails, fewer), plan)


def _with_earlier_faults(plan: HistoryPlan, fails: Callable[[HistoryPlan], bool]) -> HistoryPlan:
    """Let faults strike at the first place of their kind: a later one needs records that lead to the places before."""
    for number, fault in enumerate(plan.faults):
        for skip in range(fault.skip):
            faults = (*plan.faults[:number], replace(fault, skip=skip), *plan.faults[number + 1 :])
            if fails(earlier := replace(plan, faults=faults)):
                plan = earlier
                break
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
    return _without_pairs(kept, fails)


def _without_pairs(items: list[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Leave out two at a time that need each other, such as an order and a tick, if there are few."""
    if len(items) > _MOST_FOR_PAIRS:
        return items
    for left_out in combinations(range(len(items)), 2):
        rest = [item for number, item in enumerate(items) if number not in left_out]
        if fails(rest):
            return _fewer(rest, fails)
    return items
