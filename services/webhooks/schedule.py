"""Which change may be delivered when. Pure: no clock, no chance, no network; times are seconds on the caller's clock.

Four rules, in this order:

1. A customer's changes are delivered one after another, in the order in which they were added. One that waits for its
   next attempt holds back that customer's later ones, and nobody else's.
2. No more than ``concurrency`` are under way at the same time.
3. A receiver that says when to come again is left alone until then, and the attempt does not count.
4. When more than ``concurrency`` attempts in a row have failed, whomever they were for, the receiver is taken to be
   down: from then on it gets one attempt at a time, with growing pauses, until one succeeds. Where nobody answers
   meanwhile, failures do not count, however long that lasts: it is no change's fault. One that the receiver itself
   fails at counts always: else a few such changes, with no others beside them, would look like an outage for ever.

A change that fails its last attempt, or is refused for good, is given up, and the customer's next one has its turn.
"""

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from runtime.backoff import doubled

#: Seconds between attempts at a receiver that is down, at most: it should not take long to see that it is back.
LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A change on its way to the receiver: where in the topic it lies, whose it is, and the event word for word."""

    partition: int
    offset: int
    customer_id: str
    sequence: int
    event: bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """How often, how many at a time, and how many seconds to wait after a first failure and after others at most."""

    attempts: int
    concurrency: int
    first_wait: float
    longest_wait: float
    #: Whether an outage is waited for. If it is not, what fails meanwhile counts like any other failure.
    sits_out: bool = True

    def wait(self, failures: int, jitter: float) -> float:
        """Seconds to wait after so many failures: twice as long each time, and half of it by chance.

        Parameters
        ----------
        jitter
            Chance, from 0 to 1.
        """
        return doubled(self.first_wait, self.longest_wait, failures - 1) * (1 + jitter) / 2


class Accepted(NamedTuple):
    """The receiver has it."""


class Failed(NamedTuple):
    """It may work another time.

    ``after`` is how many seconds the receiver wants to be left alone, if it says so. ``away`` is whether it is the
    receiver that was not there, rather than the change that it failed at.
    """

    reason: str
    after: float | None = None
    away: bool = False


class Refused(NamedTuple):
    """It will never work."""

    reason: str


Outcome = Accepted | Failed | Refused


class Settled(NamedTuple):
    """A delivery that needs nothing more. ``dead`` is why it was given up; None if it has arrived."""

    attempts: int
    dead: str | None


class Schedule:
    """Deliveries that are not settled."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        #: By customer; the first of a line is the one that is under way or comes next.
        self._lines: dict[str, deque[Delivery]] = {}
        self._attempts: dict[str, int] = {}
        self._due: list[tuple[float, int, str]] = []
        self._arrivals = count()
        self._under_way = 0
        self._failures = 0
        self._closed_until = float("-inf")

    def __bool__(self) -> bool:
        return bool(self._lines)

    @property
    def under_way(self) -> int:
        """How many have been started and not finished."""
        return self._under_way

    @property
    def is_down(self) -> bool:
        """Whether the receiver is taken to be down."""
        return self._failures > self._policy.concurrency

    def add(self, delivery: Delivery, now: float) -> None:
        """Queue a delivery behind its customer's others."""
        line = self._lines.setdefault(delivery.customer_id, deque())
        line.append(delivery)
        if len(line) == 1:
            self._next(delivery.customer_id, now)

    def start(self, now: float) -> list[Delivery]:
        """What may go at this moment. Each must be told to :meth:`finish`."""
        started = []
        while (at := self.next_start()) is not None and at <= now:
            _, _, customer = heappop(self._due)
            self._under_way += 1
            started.append(self._lines[customer][0])
        return started

    def next_start(self) -> float | None:
        """When something may go, if nothing is added or finished before; None if nothing may."""
        if not self._due or self._under_way >= (1 if self.is_down else self._policy.concurrency):
            return None
        return max(self._due[0][0], self._closed_until)

    def finish(self, delivery: Delivery, outcome: Outcome, now: float, jitter: float) -> Settled | None:
        """Take in how an attempt ended; None if there will be another one."""
        self._under_way -= 1
        customer = delivery.customer_id
        if isinstance(outcome, Failed) and outcome.after is not None:
            self._closed_until = max(self._closed_until, now + outcome.after)
            self._next(customer, self._closed_until)
            return None
        attempts = self._attempts.get(customer, 0) + 1
        if isinstance(outcome, Accepted):
            self._failures = 0
            return self._settle(customer, attempts, None, now)
        self._failures += 1
        if self.is_down:
            pause = self._policy.wait(self._failures - self._policy.concurrency, jitter)
            self._closed_until = max(self._closed_until, now + min(pause, LONGEST_PAUSE))
        if isinstance(outcome, Failed) and outcome.away and self.is_down and self._policy.sits_out:
            self._next(customer, self._closed_until)
            return None
        if isinstance(outcome, Refused) or attempts >= self._policy.attempts:
            return self._settle(customer, attempts, outcome.reason, now)
        self._attempts[customer] = attempts
        self._next(customer, now + self._policy.wait(attempts, jitter))
        return None

    def _settle(self, customer: str, attempts: int, dead: str | None, now: float) -> Settled:
        self._attempts.pop(customer, None)
        line = self._lines[customer]
        line.popleft()
        if line:
            self._next(customer, now)
        else:
            del self._lines[customer]
        return Settled(attempts, dead)

    def _next(self, customer: str, due: float) -> None:
        heappush(self._due, (due, next(self._arrivals), customer))
