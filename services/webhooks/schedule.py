"""Decides which change may be delivered when. Pure: times are seconds on the caller's clock.

Four rules, in this order:

1. A customer's changes are delivered one after another, in the order in which they were added. A change that waits
   for its next attempt holds back that customer's later changes, but no other customer's.
2. At most ``concurrency`` attempts run at the same time.
3. After an answer with Retry-After, nothing is sent until then, and the attempt does not count.
4. When more than ``concurrency`` attempts in a row have failed, for any customers, the receiver is considered down: it
   gets one attempt at a time, with growing pauses, until one succeeds. Meanwhile an attempt that finds the receiver
   unavailable does not count. An attempt that the receiver answers with an error always counts: otherwise a few changes
   that always fail would look like an endless outage.

A change that fails its last attempt, or is refused, is abandoned; then the customer's next change is due.
"""

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from runtime.backoff import doubled

#: Maximum seconds between attempts while the receiver is down, so that its return is noticed soon.
LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A change to deliver: its place in the topic, its customer, and the event byte for byte."""

    partition: int
    offset: int
    customer_id: str
    sequence: int
    event: bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """Number of attempts, concurrency, and the seconds to wait after the first failure and at most."""

    attempts: int
    concurrency: int
    first_wait: float
    longest_wait: float
    #: Whether attempts at an unavailable receiver do not count during an outage.
    waits_out_outages: bool = True

    def wait(self, failures: int, jitter: float) -> float:
        """Return the seconds to wait after this many failures: doubled each time, half of it random.

        Parameters
        ----------
        jitter
            A random number from 0 to 1.
        """
        return doubled(self.first_wait, self.longest_wait, failures - 1) * (1 + jitter) / 2


class AcceptedAttempt(NamedTuple):
    """The receiver has accepted the change."""


class FailedAttempt(NamedTuple):
    """The attempt failed; a retry may succeed.

    ``after`` is the number of seconds that Retry-After asks for, if any. ``unavailable`` is whether the receiver could
    not be reached or was overloaded, rather than failing at this change.
    """

    reason: str
    after: float | None = None
    unavailable: bool = False


class RefusedAttempt(NamedTuple):
    """The receiver refuses the change permanently."""

    reason: str


AttemptOutcome = AcceptedAttempt | FailedAttempt | RefusedAttempt


class Finished(NamedTuple):
    """A finished delivery. ``abandoned`` is why the change was abandoned; None if it was delivered."""

    attempts: int
    abandoned: str | None


class Schedule:
    """All deliveries that are not finished."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        #: By customer; the first delivery of a queue is running or is the next to start.
        self._queues: dict[str, deque[Delivery]] = {}
        self._attempts: dict[str, int] = {}
        self._due: list[tuple[float, int, str]] = []
        self._arrivals = count()
        self._running = 0
        self._failures = 0
        self._closed_until = float("-inf")

    def __bool__(self) -> bool:
        return bool(self._queues)

    @property
    def running(self) -> int:
        """The number of attempts that have been started and not finished."""
        return self._running

    @property
    def is_down(self) -> bool:
        """Whether the receiver is considered down."""
        return self._failures > self._policy.concurrency

    def add(self, delivery: Delivery, now: float) -> None:
        """Queue a delivery after its customer's others."""
        queue = self._queues.setdefault(delivery.customer_id, deque())
        queue.append(delivery)
        if len(queue) == 1:
            self._schedule(delivery.customer_id, now)

    def start(self, now: float) -> list[Delivery]:
        """Return the deliveries to attempt now. The caller passes each outcome to :meth:`finish`."""
        started = []
        while (at := self.next_start()) is not None and at <= now:
            _, _, customer = heappop(self._due)
            self._running += 1
            started.append(self._queues[customer][0])
        return started

    def next_start(self) -> float | None:
        """Return when the next attempt may start, unless an addition or a finish changes that; None if none may."""
        if not self._due or self._running >= (1 if self.is_down else self._policy.concurrency):
            return None
        return max(self._due[0][0], self._closed_until)

    def finish(self, delivery: Delivery, outcome: AttemptOutcome, now: float, jitter: float) -> Finished | None:
        """Record the outcome of an attempt; return None if there will be another attempt."""
        self._running -= 1
        customer = delivery.customer_id
        if isinstance(outcome, FailedAttempt) and outcome.after is not None:
            self._closed_until = max(self._closed_until, now + outcome.after)
            self._schedule(customer, self._closed_until)
            return None
        attempts = self._attempts.get(customer, 0) + 1
        if isinstance(outcome, AcceptedAttempt):
            self._failures = 0
            return self._remove(customer, attempts, None, now)
        self._failures += 1
        if self.is_down:
            pause = self._policy.wait(self._failures - self._policy.concurrency, jitter)
            self._closed_until = max(self._closed_until, now + min(pause, LONGEST_PAUSE))
        if (
            isinstance(outcome, FailedAttempt)
            and outcome.unavailable
            and self.is_down
            and self._policy.waits_out_outages
        ):
            self._schedule(customer, self._closed_until)
            return None
        if isinstance(outcome, RefusedAttempt) or attempts >= self._policy.attempts:
            return self._remove(customer, attempts, outcome.reason, now)
        self._attempts[customer] = attempts
        self._schedule(customer, now + self._policy.wait(attempts, jitter))
        return None

    def _remove(self, customer: str, attempts: int, abandoned: str | None, now: float) -> Finished:
        self._attempts.pop(customer, None)
        queue = self._queues[customer]
        queue.popleft()
        if queue:
            self._schedule(customer, now)
        else:
            del self._queues[customer]
        return Finished(attempts, abandoned)

    def _schedule(self, customer: str, due: float) -> None:
        heappush(self._due, (due, next(self._arrivals), customer))
