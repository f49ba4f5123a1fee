"""Structured logs: readable text on a terminal, JSON lines elsewhere, also for libraries; secrets are masked."""

import json
import logging
import re
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from urllib.parse import quote, unquote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime.readable import visible

_HIDDEN = "***"
_QUIET_SECONDS = 30.0
_LINES_REMEMBERED = 1_000


def configure(secrets: Iterable[str] = ()) -> None:
    """Write all logs to standard error: Segue's own from level ``info``, those of libraries from level ``warning``.

    Parameters
    ----------
    secrets
        Texts to replace by asterisks wherever they appear.
    """
    terminal = sys.stderr.isatty()
    first: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # JSON has escapes of its own.
    last: list[Processor] = [_visible, structlog.dev.ConsoleRenderer()]
    if not terminal:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    last[-1] = _masked(last[-1], secrets)
    structlog.configure(
        processors=[*first, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.addFilter(_Deduplicate())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _crashed
    threading.excepthook = _thread_crashed


class _Deduplicate(logging.Filter):
    """Passes the same line once in 30 seconds: a client without a broker logs the same line ten times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line has not been logged in the last 30 seconds."""
        line = (record.name, record.getMessage())
        again = record.created - self._last.get(line, -_QUIET_SECONDS) < _QUIET_SECONDS
        if not again:
            if len(self._last) > _LINES_REMEMBERED:
                self._last.clear()
            self._last[line] = record.created
        return not again


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    structlog.get_logger().critical("crashed", exc_info=(kind, error, trace))


def _thread_crashed(crash: threading.ExceptHookArgs) -> None:
    thread = crash.thread.name if crash.thread is not None else None
    trace = (crash.exc_type, crash.exc_value, crash.exc_traceback)
    structlog.get_logger().critical("a thread crashed", thread=thread, exc_info=trace)


def _visible(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Show control, bidirectional and invisible characters of every text as escapes."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = visible(value)
    return event


def _masked(renderer: Processor, secrets: Iterable[str]) -> Processor:
    """Wrap a renderer so that it masks secrets, also in JSON and URL encoding."""
    forms = {form for secret in secrets for form in (secret, unquote(secret), quote(secret, safe=""))}
    written = sorted({json.dumps(form)[1:-1] for form in forms} | forms, key=len, reverse=True)
    if not written:
        return renderer
    pattern = re.compile("|".join(map(re.escape, written)))

    def render(logger: WrappedLogger, name: str, event: EventDict) -> str:
        return pattern.sub(_HIDDEN, str(renderer(logger, name, event)))

    return render
