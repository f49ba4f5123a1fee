"""Schedules of faults: what strikes, where, and that the seed alone decides it."""

import random

from sim.faults import KINDS, PHASES, Fault, FaultSchedule, drawn, drawn_for


def test_a_fault_waits_for_its_moment_and_lets_places_pass() -> None:
    schedule = FaultSchedule([Fault("commit unknown", 1.0, 1, 0.5)])
    assert schedule.strike("commit", 0.9) is None
    assert schedule.strike("statement", 1.0) is None
    assert schedule.strike("commit", 1.1) is None
    struck = schedule.strike("commit", 1.2)
    assert struck is not None
    assert struck.kind == "commit unknown"
    assert schedule.strike("commit", 1.3) is None
    assert schedule.struck == {"commit unknown": 1}


def test_no_fault_strikes_after_the_last_moment() -> None:
    schedule = FaultSchedule([Fault("crash", 1.0, 0, 0.5)])
    schedule.disarm()
    assert schedule.strike("commit", 2.0) is None


def test_a_fault_can_wait_until_a_worker_is_in_the_middle_of_something() -> None:
    schedule = FaultSchedule([Fault("crash", 1.0, 1, 0.5, "catching up")])
    assert schedule.strike("commit", 1.1) is None
    assert schedule.strike("commit", 1.2, lambda phase: phase == "claiming") is None
    assert schedule.strike("commit", 1.3, lambda phase: phase == "catching up") is None
    struck = schedule.strike("commit", 1.4, lambda phase: phase == "catching up")
    assert struck is not None
    assert struck.during == "catching up"


def test_faults_are_drawn_for_every_phase_and_only_for_given_ones() -> None:
    assert {fault.during for fault in drawn_for(random.Random(1), PHASES, 1_000, 1.0)} == set(PHASES)
    assert {fault.during for fault in drawn_for(random.Random(1), {"claiming": 1.0}, 9, 1.0)} == {"claiming"}


def test_a_fault_that_waits_for_a_phase_has_places() -> None:
    assert all(KINDS[fault.kind].places for fault in drawn_for(random.Random(1), PHASES, 1_000, 1.0))


def test_the_seed_decides_the_faults() -> None:
    first, second = (drawn(random.Random(7), 50, 3.0) for _ in range(2))
    assert first == second
    assert [fault.at for fault in first] == sorted(fault.at for fault in first)


def test_every_kind_of_fault_is_drawn() -> None:
    assert {fault.kind for fault in drawn(random.Random(1), 3_000, 1.0)} == set(KINDS)
