"""An event loop with virtual time, simulated processes and no threads: one seed decides what runs when.

Time stands still while code runs, and jumps to the next timer when nothing is ready. Blocking functions run in
greenlets: :meth:`SimulatedLoop.block` suspends one of them like an ``await``.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from sim.process import PROCESS, Process

_MOST_CLOSES = 50


class IdleError(RuntimeError):
    """Nothing is ready and no timer is left: everything waits forever."""


class SimulatedTask(asyncio.Task[Any]):
    """A task with a number as its hash: the order of a set of tasks does not depend on their addresses."""

    _count = 0

    def __init__(self, coroutine: Any, **options: Any) -> None:
        self.number = options["loop"].next_number()
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        number: int = self.number
        return number


class BlockingCall:
    """A blocking function that runs in a greenlet, and the future that gets its result."""

    def __init__(self, loop: "SimulatedLoop", function: Callable[[], Any], future: "asyncio.Future[Any]") -> None:
        self._loop, self._function, self._future = loop, function, future
        self.greenlet = greenlet(self._run, parent=loop.hub)
        self.greenlet.gr_context = copy_context()
        self.context = copy_context()
        self.timer: asyncio.Handle | None = None
        self.then: Callable[[], None] = lambda: None

    def _run(self) -> None:
        try:
            result = self._function()
        except GreenletExit:
            return
        except BaseException as error:
            if not self._future.cancelled():
                self._future.set_exception(error)
        else:
            if not self._future.cancelled():
                self._future.set_result(result)
        self.then()


class OneCall(Executor):
    """What a process has in place of a thread: it runs one blocking call after another."""

    def __init__(self, loop: "SimulatedLoop") -> None:
        self._loop = loop
        self.queue: deque[BlockingCall] = deque()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Queue a call; nobody waits for its result."""
        self._loop.run_in_executor(self, fn, *args)
        return Future()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """There is no thread to end."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """The loop of a history. ``chance`` chooses between processes that could run at the same moment."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.now = 0.0
        self.hub = getcurrent()
        self._due: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.Handle]] = []
        self._number = 0
        self._tasks: list[SimulatedTask] = []
        self._calls: list[BlockingCall] = []
        self._running_call: BlockingCall | None = None
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        """Virtual seconds since the history began."""
        return self.now

    def next_number(self) -> int:
        """A number that no task of this loop has."""
        self._number += 1
        return self._number

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        handle = asyncio.Handle(callback, args, self, context)
        self._due.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._number += 1
        heapq.heappush(self._timers, (when, self._number, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _process_events(self, event_list: Any) -> None:
        pass

    def _new_task(self, _loop: Any, coroutine: Any, **options: Any) -> SimulatedTask:
        task = SimulatedTask(coroutine, loop=self, **options)
        self._tasks.append(task)
        return task

    # -- running ------------------------------------------------------------------------------------------------------

    def _run_once(self) -> None:
        due = self._due
        while due and not self._stopping:  # type: ignore[attr-defined]
            handle = self._next_due()
            if handle._cancelled:
                continue
            process = handle._context.get(PROCESS)  # type: ignore[attr-defined]
            if process is not None:
                if not process.alive:
                    process.remains.append(handle)
                    continue
                if process.frozen:
                    process.held.append(handle)
                    continue
            handle._run()
        if due or self._stopping:  # type: ignore[attr-defined]
            return
        while self._timers and self._timers[0][2]._cancelled:
            heapq.heappop(self._timers)
        if not self._timers:
            raise IdleError("everything waits forever")
        self.now = max(self.now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self.now:
            due.append(heapq.heappop(self._timers)[2])

    def _next_due(self) -> asyncio.Handle:
        """The first handle of a process that is chosen among those that have one: in a process, asyncio's order."""
        due = self._due
        if len(due) == 1:
            return due.popleft()
        first = due[0]._context.get(PROCESS)  # type: ignore[attr-defined]
        if all(handle._context.get(PROCESS) is first for handle in due):  # type: ignore[attr-defined]
            return due.popleft()
        chosen = due[self.chance.randrange(len(due))]._context.get(PROCESS)  # type: ignore[attr-defined]
        at = next(i for i, handle in enumerate(due) if handle._context.get(PROCESS) is chosen)  # type: ignore[attr-defined]
        handle = due[at]
        del due[at]
        return handle

    def thaw(self, process: Process) -> None:
        """Let a frozen process continue with what was held back."""
        process.frozen = False
        held, process.held = process.held, []
        self._due.extend(held)

    # -- blocking calls -----------------------------------------------------------------------------------------------

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        future = self.create_future()
        call = BlockingCall(self, lambda: func(*args), future)
        self._calls.append(call)
        if isinstance(executor, OneCall):
            queue = executor.queue
            queue.append(call)
            call.then = lambda: self._next_of(queue)
            if len(queue) > 1:
                return future
        self.call_soon(self._enter, call)
        return future

    def _next_of(self, queue: deque[BlockingCall]) -> None:
        queue.popleft()
        if queue:
            self.call_soon(self._enter, queue[0])

    def _enter(self, call: BlockingCall) -> None:
        call.timer = None
        self._running_call = call
        try:
            call.greenlet.switch()
        finally:
            self._running_call = None

    @property
    def running_call(self) -> BlockingCall | None:
        """The blocking call that runs now."""
        return self._running_call

    def block(self, seconds: float) -> None:
        """Suspend the blocking call that runs now for this many seconds, or until :meth:`wake`."""
        call = self._running_call
        assert call is not None, "only a blocking call can block"  # noqa: S101
        call.timer = self.call_later(seconds, self._enter, call)
        self.hub.switch()

    def wake(self, call: BlockingCall) -> None:
        """Let a call continue that is suspended by :meth:`block`."""
        if call.timer is not None:
            call.timer.cancel()
            call.timer = self.call_soon(self._enter, call, context=call.context)

    # -- the end ------------------------------------------------------------------------------------------------------

    def dispose(self) -> None:
        """End everything that is left, and ignore what it says while it ends."""
        for call in self._calls:
            if call.greenlet:
                with suppress(BaseException):
                    call.greenlet.throw(GreenletExit)
        for task in self._tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            if not task.done():
                _close(task)
        self._tasks.clear()
        self._calls.clear()
        self._due.clear()
        self._timers.clear()
        self.close()


def _close(task: SimulatedTask) -> None:
    coroutine: Any = task.get_coro()
    for _ in range(_MOST_CLOSES):
        try:
            coroutine.close()
        except RuntimeError:
            # A ``finally`` wants to wait for something: it is asked again until it gives up.
            continue
        except BaseException:
            return
        else:
            return
