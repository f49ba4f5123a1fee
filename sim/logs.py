"""What the worker logs goes into the trace of its history."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

from sim.world import World

_LEFT_OUT = ("event", "exc_info", "log_level")


@contextmanager
def capturing(world: World) -> Iterator[None]:
    """Write everything that is logged in this block into a trace, and nothing anywhere else."""
    before = structlog.get_config()

    def capture(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        details = ", ".join(f"{name}={value}" for name, value in event.items() if name not in _LEFT_OUT)
        world.trace(f"log: {event['event']}{': ' if details else ''}{details}", shown=True)
        if event["event"] == "claimed":
            world.claimed(event["partition"], event["epoch"])
        raise structlog.DropEvent

    structlog.configure(processors=[capture], wrapper_class=structlog.BoundLogger, cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)
