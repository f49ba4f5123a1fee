"""Faults: what strikes, when and where. A schedule of faults is drawn from a seed, and can be shortened.

Code of the simulated world calls :meth:`FaultSchedule.strike` wherever a fault could happen. A fault waits from its
moment on for the next such place that fits it. Some faults also wait until a worker is in the middle of something
(:data:`PHASES`): two rare events would hardly ever meet by chance.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault.

    Attributes
    ----------
    name
        What the summary calls it.
    places
        Where it can strike; empty for a fault that strikes at its moment, wherever the processes are.
    weight
        How often it is drawn, compared with the others.
    seconds
        The longest that its effect lasts.
    words
        What a story says when it strikes.
    """

    name: str
    places: tuple[str, ...]
    weight: float
    seconds: float
    words: str


_SQL = ("connect", "statement", "answered", "commit", "committed")
_KAFKA = ("init", "produce", "end")
_ANYWHERE = (*_SQL, *_KAFKA, "log", "fetch", "seek", "read topic")

_ENDING = ("crash", "crash around a commit", "zombie", "stopped at work", "revoked at work")
_ENDING_WEIGHT = 7.0

#: What a worker may be in the middle of, or has just done: the name, and the weight with which a fault is drawn for it.
PHASES = {
    "set back": 3.0,
    "catching up": 10.0,
    "caught up": 7.0,
    "decaying in slices": 10.0,
    "looking for the last published change": 2.0,
    "claiming": 1.0,
    "rescoring": 1.0,
    "activating a model": 1.0,
    "forgetting": 1.0,
    "failing": 1.0,
    "reading another log": 1.0,
}

KINDS = {
    kind.name: kind
    for kind in (
        FaultKind("crash", _ANYWHERE, 5, 1.5, "dies"),
        FaultKind("crash around a commit", ("commit", "committed", "end"), 3, 1.5, "dies"),
        FaultKind("zombie", _ANYWHERE, 3, 4.0, "freezes, and wakes up later as a zombie"),
        FaultKind("zombie around a commit", ("commit", "committed", "init", "end", "statement"), 3, 4.0, "freezes"),
        FaultKind("connection lost", ("connect", "statement", "commit"), 2, 0.0, "loses its connection to Postgres"),
        FaultKind("answer lost", ("answered",), 1, 0.0, "loses its connection after a statement"),
        FaultKind("commit unknown", ("commit",), 4, 0.0, "commits, and the answer is lost"),
        FaultKind("refused by Postgres", ("statement", "commit"), 2, 0.0, "gets an error from Postgres"),
        FaultKind("Postgres away", (), 1, 2.0, "Postgres is away for a while"),
        FaultKind("Postgres set back", (), 2.5, 2.0, "Postgres is restored to an older copy"),
        FaultKind("request lost", _KAFKA, 2, 0.5, "sends a request that the broker never gets"),
        FaultKind("response lost", _KAFKA, 3, 0.5, "does not get the broker's answer"),
        FaultKind("late EndTxn", ("end",), 4, 1.0, "sends an EndTxn that is late, and repeats it"),
        FaultKind("torn commit", ("marker", "other marker"), 2, 1.0, "one marker of a Kafka transaction is late"),
        FaultKind("hanging transaction", ("marker",), 1.5, 0.0, "the broker forgets a transaction marker"),
        FaultKind("broker away", (), 1, 2.0, "the broker is away for a while"),
        FaultKind("produce refused", ("produce",), 0.5, 0.0, "gets an error from the broker"),
        FaultKind("rebalance", (), 3, 0.5, "the group is rebalanced"),
        FaultKind("revoked, but goes on", (), 2, 2.0, "is revoked, and goes on for a while"),
        FaultKind("fetched records lost", ("fetch",), 3, 0.0, "loses fetched records"),
        FaultKind("fetched twice", ("fetch",), 1, 0.0, "gets fetched records twice"),
        FaultKind("fetched out of order", ("fetch",), 2, 0.5, "gets fetched records late"),
        FaultKind("slow fetch", ("fetch",), 1, 1.0, "waits for a fetch"),
        FaultKind("claim cancelled", (), 1, 0.5, "cancels a claim"),
        FaultKind("stopped at work", _SQL, 1.5, 1.0, "is asked to stop in the middle, and is started again"),
        FaultKind("revoked at work", _SQL, 1.5, 0.5, "is revoked in the middle"),
        FaultKind("worker stopped", (), 2, 1.0, "a worker is asked to stop, and is started again"),
        FaultKind("log recreated", (), 1, 1.5, "the topic is deleted, and later made and filled again"),
        FaultKind("log truncated", (), 1, 4.0, "the log loses its end, and later gets it back"),
        FaultKind("log shortened", (), 0.7, 0.0, "retention deletes what has been applied"),
    )
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that strikes at a moment, or at the place of its kind that comes ``skip`` places after it.

    ``share`` is a number in [0, 1) that decides what the kind leaves open. ``during`` is the phase of :data:`PHASES`
    that the fault waits for, or empty.
    """

    kind: str
    at: float
    skip: int
    share: float
    during: str = ""

    @property
    def seconds(self) -> float:
        """How long the effect lasts."""
        return KINDS[self.kind].seconds * (0.2 + 0.8 * self.share)


def drawn(chance: random.Random, count: int, until: float) -> list[Fault]:
    """This many faults in order of time."""
    weights = [kind.weight for kind in KINDS.values()]
    faults = [
        Fault(
            chance.choices(list(KINDS), weights)[0],
            round(chance.uniform(0.0, until), 3),
            chance.choice((0, 0, 0, 1, 1, 2, 3, 5, 8)),
            round(chance.random(), 4),
        )
        for _ in range(count)
    ]
    return sorted(faults, key=lambda fault: fault.at)


def drawn_for(chance: random.Random, phases: Mapping[str, float], count: int, until: float) -> list[Fault]:
    """This many faults that wait until a worker is in one of some phases, which have weights."""
    kinds = {name: kind.weight for name, kind in KINDS.items() if kind.places}
    # A fault of another kind at such a moment is much like one at any moment; a worker that ends must be continued.
    kinds |= dict.fromkeys(_ENDING, _ENDING_WEIGHT)
    return [
        Fault(
            chance.choices(list(kinds), list(kinds.values()))[0],
            # Half of them wait from the beginning: the first such phase may be the only one.
            chance.choice((0.0, round(chance.uniform(0.0, until), 3))),
            chance.choice((0, 0, 1, 2, 3, 5, 8, 13)),
            round(chance.random(), 4),
            chance.choices(list(phases), list(phases.values()))[0],
        )
        for _ in range(count)
    ]


@dataclass(slots=True)
class _Waiting:
    """A fault whose moment has come, and how many places it still lets pass."""

    fault: Fault
    skip: int


@dataclass(slots=True)
class FaultSchedule:
    """The faults of a history: those that wait for their place, and those that have struck."""

    faults: list[Fault]
    struck: Counter[str] = field(default_factory=Counter)
    last_at: float = 0.0
    _waiting: list["_Waiting"] = field(default_factory=list)
    _next: int = 0

    def strike(self, place: str, now: float, is_in: Callable[[str], bool] = lambda _: False) -> Fault | None:
        """The fault that strikes at a place now; None if there is none.

        ``is_in`` returns whether the running process is in a phase.
        """
        faults = self.faults
        while self._next < len(faults) and faults[self._next].at <= now:
            fault = faults[self._next]
            self._next += 1
            if KINDS[fault.kind].places:
                self._waiting.append(_Waiting(fault, fault.skip))
        for waiting in self._waiting:
            during = waiting.fault.during
            if place in KINDS[waiting.fault.kind].places and (not during or is_in(during)):
                if waiting.skip:
                    waiting.skip -= 1
                    continue
                self._waiting.remove(waiting)
                self.note(waiting.fault, now)
                return waiting.fault
        return None

    def note(self, fault: Fault, now: float) -> None:
        """A fault has struck."""
        self.struck[fault.kind] += 1
        self.last_at = max(self.last_at, now + fault.seconds)

    def at_moments(self) -> list[Fault]:
        """The faults that strike at their moment."""
        return [fault for fault in self.faults if not KINDS[fault.kind].places]

    def disarm(self) -> None:
        """No fault strikes from now on."""
        self._waiting.clear()
        self._next = len(self.faults)
