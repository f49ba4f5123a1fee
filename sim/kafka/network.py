"""Requests on their way to the broker: they take time, get lost, come late, and are repeated by their sender."""

from collections.abc import Callable
from contextvars import Context
from typing import Any

from sim.kafka.broker import Broker
from sim.process import Process
from sim.world import World

_AGAIN_SECONDS = 0.4
_MOST_REQUESTS = 7


class SimulatedRequest:
    """One request of a client, sent again until it is answered or given up.

    ``handle`` runs at the broker, each time that the request arrives. ``done`` gets the first answer, in the client's
    ``context``. A request that is on its way outlives its sender.
    """

    def __init__(
        self,
        world: World,
        broker: Broker,
        process: Process | None,
        context: Context,
        place: str,
        handle: Callable[[], Any],
        done: Callable[[Any], None],
    ) -> None:
        self._world, self._broker, self._process, self._context = world, broker, process, context
        self._place, self._handle, self._done = place, handle, done
        self.finished = False
        self._send()

    def give_up(self) -> None:
        """The client no longer waits for an answer."""
        self.finished = True

    def _send(self) -> None:
        if self.finished:
            return
        world, loop = self._world, self._world.loop
        fault = world.immediate_step(self._place)
        process = self._process
        if process is not None and not process.alive:
            return
        loop.call_later(_AGAIN_SECONDS, self._send, context=self._context)
        kind = "" if fault is None else fault.kind
        if kind == "request lost" or (process is not None and process.frozen):
            return
        if kind == "produce refused":
            loop.call_later(world.latency(), self._answer, -1, context=self._context)
            return
        delay = world.latency()
        if kind == "late EndTxn" and fault is not None:
            # The sender repeats it, and has its answer, before this one arrives among later requests.
            self._broker.arrive_late(int(fault.share * _MOST_REQUESTS), lambda: self._arrive(kind))
            return
        loop.call_later(delay, self._arrive, kind, context=self._broker.outside)

    def _arrive(self, kind: str) -> None:
        if self._broker.is_away:
            return
        if self._place == "produce":
            self._broker.let_late_arrive()
        answer = self._handle()
        if kind == "late EndTxn":
            self._world.trace(f"a late EndTxn arrives: answer {answer}", shown=True)
            self._world.reach("a late EndTxn arrived")
        if kind in ("response lost", "late EndTxn"):
            return
        self._world.loop.call_later(self._world.latency(), self._answer, answer, context=self._context)

    def _answer(self, answer: Any) -> None:
        if not self.finished:
            self.finished = True
            self._done(answer)
