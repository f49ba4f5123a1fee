"""A failing plan becomes smaller while it still fails."""

from dataclasses import replace

from sim.campaign import plan_of
from sim.history import HistoryPlan
from sim.shrink import shrunk

PLAN = replace(next(plan for plan in map(plan_of, range(100)) if len(plan.faults) > 8), workers=3)


def test_only_what_the_failure_needs_is_left() -> None:
    needed = (PLAN.faults[2], PLAN.faults[7])
    arrival = PLAN.workload.arrivals[3]

    def fails(plan: HistoryPlan) -> bool:
        return set(needed) <= set(plan.faults) and arrival in plan.workload.arrivals and plan.workers > 1

    smaller = shrunk(PLAN, fails)
    assert (smaller.faults, smaller.workload.arrivals, smaller.workers) == (needed, [arrival], 2)


def test_a_plan_that_fails_without_anything_loses_everything() -> None:
    smaller = shrunk(PLAN, lambda _: True)
    assert (smaller.faults, smaller.workload.arrivals, smaller.workers) == ((), [], 1)
