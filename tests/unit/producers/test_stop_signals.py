"""The first signal asks a replay to stop; the second one ends it at once."""

import signal

import pytest

from producers.stop_signals import EndedAtOnce, stop_signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_stops_and_the_second_one_ends(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    stopped = list[int]()
    with stop_signals(lambda: stopped.append(1)) as signals:
        assert signals.exit_code == 0
        signal.raise_signal(number)
        assert (stopped, signals.exit_code) == ([1], code)
        with pytest.raises(EndedAtOnce) as ended:
            signal.raise_signal(signal.SIGTERM)
    assert (stopped, ended.value.exit_code) == ([1], code)
    assert signal.getsignal(number) is before
