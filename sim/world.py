"""The world of one history: its time, its chance, its faults, and the trace of what happened."""

import asyncio
import hashlib
import random
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass

from sim.faults import KINDS, Fault, FaultSchedule
from sim.loop import SimulatedLoop
from sim.process import PROCESS, Process


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """Something that happened: when, in which process (empty for the world), and what.

    ``shown`` says whether a story has it.
    """

    at: float
    process: str
    text: str
    shown: bool


class World:
    """What all simulated parts share.

    Each function in ``on_death`` is called with a process that dies and the seconds until it may start again, before
    anything else runs. Each function in ``on_stop`` is called with a process that has to release its partitions, and
    the seconds until it may start again; None if it goes on.
    """

    def __init__(self, loop: SimulatedLoop, chance: random.Random, faults: FaultSchedule) -> None:
        self.loop = loop
        self.chance = chance
        self.faults = faults
        self.events: list[TracedEvent] = []
        self.problems: list[str] = []
        self.reached: dict[str, int] = {}
        self.epochs: dict[int, int] = {}
        #: Whether Postgres has been set back, which takes epochs back, too.
        self.set_back = False
        self.broker_away_until = 0.0
        self.postgres_away_until = 0.0
        self.on_death: list[Callable[[Process, float], None]] = []
        self.on_stop: list[Callable[[Process, float | None], None]] = []
        self._phases: dict[tuple[str, str], float] = {}
        self._hash = hashlib.blake2b(digest_size=8)

    @property
    def now(self) -> float:
        """Virtual seconds since the history began."""
        return self.loop.now

    @property
    def hash(self) -> str:
        """A digest of everything that has happened so far."""
        return self._hash.hexdigest()

    def trace(self, text: str, shown: bool = False) -> None:
        """Write down what happens in the running process."""
        process = PROCESS.get()
        name = "" if process is None else process.name
        self._hash.update(f"{self.loop.now:.6f} {name} {text}\n".encode())
        self.events.append(TracedEvent(self.loop.now, name, text, shown))

    def reach(self, state: str) -> None:
        """Count that a history has been in a state."""
        self.reached[state] = self.reached.get(state, 0) + 1

    def claimed(self, partition: int, epoch: int) -> None:
        """A worker reports that it has claimed a partition with an epoch; a frozen one reports late."""
        newest = self.epochs.get(partition, 0)
        if epoch == newest and not self.set_back:
            self.problem(f"partition {partition} was claimed twice with epoch {epoch}")
        self.epochs[partition] = max(epoch, newest)

    def problem(self, text: str) -> None:
        """A check has failed."""
        self.trace(f"PROBLEM: {text}", shown=True)
        self.problems.append(text)

    def latency(self) -> float:
        """Seconds that a short call over the network takes: most are short, some are long."""
        share = self.chance.random()
        return 0.0003 + 0.004 * share * share + (0.08 * self.chance.random() if share > 0.97 else 0.0)

    # -- faults -------------------------------------------------------------------------------------------------------

    def strike(self, place: str) -> Fault | None:
        """The fault that strikes at a place, written into the trace; None if there is none. It has no effect yet."""
        fault = self.faults.strike(place, self.now, self._is_in)
        if fault is not None:
            during = f", while {fault.during}" if fault.during else ""
            self.trace(f"{KINDS[fault.kind].words} [{fault.kind}, at: {place}{during}]", shown=True)
        return fault

    def enter(self, phase: str, seconds: float) -> None:
        """The running process is in a phase of :data:`sim.faults.PHASES` for this many seconds; outside, all are."""
        self._phases[_running(), phase] = self.now + seconds

    def _is_in(self, phase: str) -> bool:
        return any(self._phases.get((name, phase), -1.0) >= self.now for name in ("", _running()))

    def kill(self, process: Process, seconds: float) -> None:
        """Let a process die; it is started again after some seconds."""
        process.alive = False
        for listener in self.on_death:
            listener(process, seconds)

    def freeze(self, process: Process, seconds: float) -> None:
        """Freeze a process for some seconds."""
        if process.frozen or not process.alive:
            return
        process.frozen = True
        self.loop.call_later(seconds, self._thaw, process, context=outside())

    def _thaw(self, process: Process) -> None:
        if process.alive and process.frozen:
            self.trace(f"{process.name} wakes up as a zombie", shown=True)
            self.loop.thaw(process)

    def _stops(self, fault: Fault) -> bool:
        """Kill, freeze or stop the running process if the fault says so."""
        process = PROCESS.get()
        what = fault.kind.partition(" ")[0]
        if process is None or what not in ("crash", "zombie", "stopped", "revoked"):
            return False
        if what == "crash":
            self.kill(process, fault.seconds)
        elif what == "zombie":
            self.freeze(process, fault.seconds)
        else:
            for listener in self.on_stop:
                listener(process, fault.seconds if what == "stopped" else None)
        return True

    async def step(self, place: str) -> Fault | None:
        """A place in asynchronous code where time passes and a fault may strike; returns the fault, if any."""
        await self.pause(self.latency())
        fault = self.strike(place)
        if fault is not None and self._stops(fault):
            # A dead process never gets here again; a frozen one does when it wakes up.
            await self.pause(0.0)
            return None
        return fault

    def blocking_step(self, place: str) -> Fault | None:
        """A place in blocking code where time passes and a fault may strike; returns the fault, if any."""
        self.loop.block(self.latency())
        fault = self.strike(place)
        if fault is not None and self._stops(fault):
            self.loop.block(0.0)
            return None
        return fault

    def immediate_step(self, place: str) -> Fault | None:
        """A place where no time passes; a death or a freeze takes effect when the running code waits."""
        fault = self.strike(place)
        return None if fault is not None and self._stops(fault) else fault

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        future = self.loop.create_future()
        self.loop.call_later(seconds, _resolve, future)
        await future


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _running() -> str:
    process = PROCESS.get()
    return "" if process is None else process.name


def outside() -> Context:
    """A context in which no process runs: that of the world."""
    context = copy_context()
    context.run(PROCESS.set, None)
    return context
