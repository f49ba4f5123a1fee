"""A schedule delivers each customer's changes in order, and forgets none."""

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.webhooks.schedule import (
    LONGEST_PAUSE,
    AcceptedAttempt,
    AttemptOutcome,
    Delivery,
    FailedAttempt,
    Policy,
    RefusedAttempt,
    Schedule,
)
from tests.support.examples import examples

POLICY = Policy(attempts=3, concurrency=2, first_wait=1.0, longest_wait=8.0)
# The default settings.
BY_DEFAULT = Policy(attempts=15, concurrency=8, first_wait=1.0, longest_wait=3600.0)
WEEKEND = 60 * 3600.0
YES, NO, NEVER = AcceptedAttempt(), FailedAttempt("500"), RefusedAttempt("400")
AWAY = FailedAttempt("no connection", unavailable=True)


def change(customer: str, sequence: int) -> Delivery:
    return Delivery(0, sequence, customer, sequence, b"{}")


def schedule(*changes: tuple[str, int], policy: Policy = POLICY) -> Schedule:
    made = Schedule(policy)
    for each in changes:
        made.add(change(*each), 0.0)
    return made


def started(of: Schedule, now: float) -> list[str]:
    return [f"{delivery.customer_id}{delivery.sequence}" for delivery in of.start(now)]


def test_changes_of_different_customers_run_concurrently_up_to_the_limit() -> None:
    assert started(schedule(("a", 1), ("b", 1), ("c", 1)), 0.0) == ["a1", "b1"]


def test_a_customers_changes_are_delivered_one_after_another() -> None:
    line = schedule(("a", 1), ("a", 2))
    assert started(line, 0.0) == ["a1"]
    line.finish(change("a", 1), YES, 1.0, 0.0)
    assert started(line, 1.0) == ["a2"]


def test_a_waiting_change_holds_back_no_other_customer() -> None:
    line = schedule(("a", 1), ("a", 2), ("b", 1))
    assert started(line, 0.0) == ["a1", "b1"]
    assert line.finish(change("a", 1), NO, 0.0, 1.0) is None
    line.finish(change("b", 1), YES, 0.0, 1.0)
    line.add(change("b", 2), 0.0)
    assert started(line, 0.5) == ["b2"]
    assert started(line, 1.0) == ["a1"]


def test_waits_double_up_to_the_longest_and_half_of_each_is_random() -> None:
    assert [POLICY.wait(failures, 1.0) for failures in (1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 8, 8]
    assert POLICY.wait(3, 0.0) == 2.0


def test_after_its_last_attempt_a_change_is_abandoned_and_the_next_is_due() -> None:
    line = schedule(("a", 1), ("a", 2), policy=replace(POLICY, concurrency=5))
    for now in (0.0, 1.0):
        assert started(line, now) == ["a1"]
        assert line.finish(change("a", 1), NO, now, 1.0) is None
    assert started(line, 2.9) == []
    assert started(line, 3.0) == ["a1"]
    assert line.finish(change("a", 1), NO, 3.0, 1.0) == (3, "500")
    assert started(line, 3.0) == ["a2"]
    # It has all its attempts.
    assert line.finish(change("a", 2), NO, 3.0, 1.0) is None


def test_a_refused_change_is_abandoned_at_once() -> None:
    line = schedule(("a", 1))
    line.start(0.0)
    assert line.finish(change("a", 1), NEVER, 0.0, 0.0) == (1, "400")
    assert not line


def test_after_retry_after_nothing_is_sent_until_then() -> None:
    line = schedule(("a", 1), ("b", 1), ("c", 1))
    assert started(line, 0.0) == ["a1", "b1"]
    assert line.finish(change("a", 1), FailedAttempt("429", 100.0), 0.0, 0.0) is None
    assert line.finish(change("b", 1), YES, 0.0, 0.0) == (1, None)
    assert line.next_start() == 100.0
    assert started(line, 99.9) == []
    assert started(line, 100.0) == ["c1", "a1"]


def test_being_has_retry_after_costs_no_attempt() -> None:
    line = schedule(("a", 1))
    for now in range(0, 1_000, 100):
        assert started(line, now) == ["a1"]
        assert line.finish(change("a", 1), FailedAttempt("429", 100.0), now, 0.0) is None
        assert started(line, now + 99.9) == []
    line.start(1_000.0)
    assert line.finish(change("a", 1), YES, 1_000.0, 0.0) == (1, None)


def test_a_receiver_that_is_down_gets_one_attempt_at_a_time_with_growing_pauses_until_one_succeeds() -> None:
    customers = [(name, 1) for name in "abcdefgh"]
    line = schedule(*customers, policy=Policy(attempts=100, concurrency=2, first_wait=1.0, longest_wait=1e9))
    now, gaps = 0.0, []
    for _ in range(40):
        at = line.next_start()
        assert at is not None
        gaps.append(max(at - now, 0.0))
        now = max(now, at)
        going = line.start(now)
        assert len(going) == 1 or not line.is_down
        for delivery in going:
            line.finish(delivery, AWAY, now, 1.0)
    assert line.is_down
    assert gaps[:8] == [0, 0, 2, 4, 8, 16, 32, 60]
    assert set(gaps[8:]) == {LONGEST_PAUSE}
    now = line.next_start() or 0.0
    [probe] = line.start(now)
    line.finish(probe, YES, now, 1.0)
    assert not line.is_down
    assert len(line.start(now + LONGEST_PAUSE)) == 2


def test_during_an_outage_attempts_are_spread_over_all_waiting_customers() -> None:
    customers = [(f"{number:03}", 1) for number in range(100)]
    line = schedule(*customers)
    tried: dict[str, int] = defaultdict(int)
    while len(tried) < len(customers):
        now = line.next_start()
        assert now is not None
        for delivery in line.start(max(now, 0.0)):
            tried[delivery.customer_id] += 1
            assert line.finish(delivery, AWAY, now, 1.0) is None
    assert set(tried.values()) == {1}


@pytest.mark.parametrize("customers", [1, 20])
def test_an_outage_over_a_weekend_abandons_nothing_however_few_changes_wait(customers: int) -> None:
    names = [f"{number:02}" for number in range(customers)]
    line = schedule(*((name, 1) for name in names), policy=BY_DEFAULT)
    while (now := line.next_start()) is not None and now < WEEKEND:
        for delivery in line.start(max(now, 0.0)):
            assert line.finish(delivery, AWAY, max(now, 0.0), 1.0) is None
    arrived = []
    now = line.next_start() or 0.0
    assert now < WEEKEND + LONGEST_PAUSE, "that it is back is seen soon"
    while (at := line.next_start()) is not None:
        now = max(now, at)
        for delivery in line.start(now):
            finished = line.finish(delivery, YES, now, 1.0)
            assert finished is not None
            assert finished.abandoned is None
            arrived.append(delivery.customer_id)
    assert sorted(arrived) == names


@pytest.mark.parametrize("customers", [1, 20])
def test_changes_that_always_fail_are_abandoned_even_if_there_are_no_others(customers: int) -> None:
    names = [f"{number:02}" for number in range(customers)]
    line = schedule(*((name, 1) for name in names), policy=BY_DEFAULT)
    abandoned = []
    while (now := line.next_start()) is not None:
        for delivery in line.start(max(now, 0.0)):
            finished = line.finish(delivery, NO, max(now, 0.0), 1.0)
            abandoned += [] if finished is None else [finished]
    assert abandoned == [(BY_DEFAULT.attempts, "500")] * customers


@pytest.mark.parametrize("seconds_between_others", [1.0, 600.0, 7_200.0])
def test_a_change_that_always_fails_is_abandoned_after_its_attempts_while_others_are_delivered(
    seconds_between_others: float,
) -> None:
    line = schedule(("bad", 1), policy=BY_DEFAULT)
    others, failures, abandoned = 0, 0, None
    while abandoned is None:
        at = line.next_start()
        if at is None or at > others * seconds_between_others:
            now = others * seconds_between_others
            others += 1
            line.add(change("good", others), now)
            continue
        now = at
        for delivery in line.start(now):
            bad = delivery.customer_id == "bad"
            failures += bad
            if bad:
                abandoned = line.finish(delivery, NO, now, 1.0)
            else:
                assert line.finish(delivery, YES, now, 1.0) == (1, None)
    assert abandoned == (BY_DEFAULT.attempts, "500")
    assert failures >= BY_DEFAULT.attempts


def test_without_waiting_out_outages_changes_are_abandoned_during_one() -> None:
    customers = [(name, 1) for name in "abcdefgh"]
    line = schedule(
        *customers, policy=replace(POLICY, attempts=1, first_wait=0.0, longest_wait=0.0, waits_out_outages=False)
    )
    abandoned = []
    while (now := line.next_start()) is not None:
        abandoned += [line.finish(delivery, NO, max(now, 0.0), 1.0) for delivery in line.start(max(now, 0.0))]
    assert abandoned == [(1, "500")] * len(customers)


class Receiver(RuleBasedStateMachine):
    """Random arrivals, answers and waiting times, checked against a simple model of the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule(POLICY)
        self.now = 0.0
        self.added: dict[str, list[int]] = defaultdict(list)
        self.finished: dict[str, list[int]] = defaultdict(list)
        self.attempts: dict[tuple[str, int], int] = defaultdict(int)
        self.running: list[Delivery] = []
        self.not_before: dict[str, float] = {}
        self.failures_in_a_row = 0

    @rule(customer=st.sampled_from("abcd"))
    def add(self, customer: str) -> None:
        self.added[customer].append(len(self.added[customer]) + 1)
        self.schedule.add(change(customer, self.added[customer][-1]), self.now)

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def start(self) -> None:
        expected = self.schedule.next_start()
        going = self.schedule.start(self.now)
        assert bool(going) == (expected is not None and expected <= self.now)
        for delivery in going:
            customer = delivery.customer_id
            assert delivery.sequence == len(self.finished[customer]) + 1, "in order, and none left out"
            assert self.now >= self.not_before.get(customer, 0.0)
        self.running += going

    @precondition(lambda self: self.running)
    @rule(
        data=st.data(),
        outcome=st.sampled_from([YES, YES, YES, NO, NO, AWAY, NEVER])
        | st.builds(FailedAttempt, st.just("429"), st.floats(1, 50)),
        jitter=st.floats(0, 1),
    )
    def finish(self, data: st.DataObject, outcome: AttemptOutcome, jitter: float) -> None:
        delivery = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        who = delivery.customer_id, delivery.sequence
        has_retry_after = isinstance(outcome, FailedAttempt) and outcome.after is not None
        if not has_retry_after:
            self.failures_in_a_row = 0 if outcome == YES else self.failures_in_a_row + 1
        is_down = self.failures_in_a_row > POLICY.concurrency
        # Only what says nothing about the change does not count while the receiver is down.
        counts = not has_retry_after and not (outcome == AWAY and is_down)
        self.attempts[who] += counts
        finished = self.schedule.finish(delivery, outcome, self.now, jitter)
        assert self.schedule.is_down == is_down
        ends = counts and (outcome not in (NO, AWAY) or self.attempts[who] == POLICY.attempts)
        assert (finished is not None) == ends
        if finished is None:
            least = outcome.after if isinstance(outcome, FailedAttempt) and outcome.after else POLICY.first_wait / 2
            self.not_before[who[0]] = self.now + least
        else:
            assert finished == (self.attempts[who], None if outcome == YES else outcome.reason)  # type: ignore[union-attr]
            self.finished[who[0]].append(who[1])
            self.not_before.pop(who[0], None)

    @invariant()
    def never_more_attempts_than_allowed(self) -> None:
        assert len(self.running) == self.schedule.running <= POLICY.concurrency
        customers = [delivery.customer_id for delivery in self.running]
        assert len(set(customers)) == len(customers)

    @invariant()
    def it_is_empty_if_and_only_if_everything_is_finished(self) -> None:
        left = sum(map(len, self.added.values())) - sum(map(len, self.finished.values()))
        assert bool(self.schedule) == bool(left)
        if left and not self.running:
            assert self.schedule.next_start() is not None

    def teardown(self) -> None:
        """Once the receiver answers, every remaining change is delivered."""
        for delivery in self.running:
            self.schedule.finish(delivery, YES, self.now, 0.0)
            self.finished[delivery.customer_id].append(delivery.sequence)
        while (at := self.schedule.next_start()) is not None:
            self.now = max(self.now, at)
            for delivery in self.schedule.start(self.now):
                self.schedule.finish(delivery, YES, self.now, 0.0)
                self.finished[delivery.customer_id].append(delivery.sequence)
        assert self.finished == self.added


TestAnyReceiver = Receiver.TestCase
TestAnyReceiver.settings = settings(max_examples=examples(200), stateful_step_count=40)
