import signal

import pytest

from segue.local.interrupts import Interrupts


def test_only_the_first_signal_interrupts() -> None:
    interrupts = Interrupts()
    interrupts.install()
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.raise_signal(number)
    finally:
        interrupts.restore()


def test_a_signal_that_is_held_interrupts_at_the_end_of_the_block() -> None:
    interrupts, steps = Interrupts(), list[str]()
    interrupts.install()
    try:
        with pytest.raises(KeyboardInterrupt):
            _start(interrupts, steps)
    finally:
        interrupts.restore()
    assert steps == ["went on"]


def _start(interrupts: Interrupts, steps: list[str]) -> None:
    with interrupts.held():
        signal.raise_signal(signal.SIGINT)
        steps.append("went on")


def test_the_former_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    interrupts = Interrupts()
    interrupts.install()
    interrupts.restore()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
