"""Signals of processes that tests start."""

import signal


def heard() -> None:
    """Let a new process hear SIGINT and SIGHUP, although the tests' own process may ignore them: for ``preexec_fn``."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def interrupts_ignored() -> None:
    """Let a new process ignore SIGINT, as what a shell starts in the background does: for ``preexec_fn``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
