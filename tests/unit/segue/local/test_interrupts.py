import signal
import weakref

import pytest

from segue.local.interrupts import Interrupts


def test_signals_right_after_the_first_one_do_not_interrupt_again() -> None:
    interrupts = Interrupts(lambda: 0.0)
    interrupts.install()
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.raise_signal(number)
    finally:
        interrupts.restore()


def test_no_signal_interrupts_a_shutdown() -> None:
    interrupts = Interrupts()
    interrupts.install()
    try:
        interrupts.ignore()
        signal.raise_signal(signal.SIGTERM)
        interrupts.check()
    finally:
        interrupts.restore()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_got_lost_is_raised_again_by_the_next_check_and_by_a_later_signal() -> None:
    times = iter((0.0, 60.0))
    interrupts = Interrupts(lambda: next(times))
    interrupts.install()
    try:
        _interrupted_in_a_finalizer()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    finally:
        interrupts.restore()


def _interrupted_in_a_finalizer() -> None:
    weakref.finalize(_Anything(), signal.raise_signal, signal.SIGTERM)


class _Anything:
    pass


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
        signal.raise_signal(signal.SIGTERM)
        steps.append("went on")


def test_the_former_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    interrupts = Interrupts()
    interrupts.install()
    interrupts.restore()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
