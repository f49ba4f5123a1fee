"""A simulated process: the tasks and blocking calls that end, freeze and continue together."""

import asyncio
from contextvars import ContextVar
from typing import Any


class Process:
    """One simulated worker process.

    ``alive`` is false after a crash: from then on nothing of the process runs, not even a ``finally``. What a frozen
    process was about to do is held back until it is thawed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.frozen = False
        self.held: list[asyncio.Handle] = []
        #: What a crash leaves behind, kept so that no ``finally`` runs before the history is over.
        self.remains: list[Any] = []

    def __repr__(self) -> str:
        return f"Process({self.name})"


#: The process that runs now; None for the world around the processes.
PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)
