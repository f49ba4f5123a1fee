"""A gate holds a replay at a number of transactions, and can open slowly."""

import time
from datetime import UTC, datetime

from producers.control import ReplayState
from producers.pace import Speed
from segue.local.soak.run import ReplayGate

_WAITED = 0.1


def _seconds_held(gate: ReplayGate, sent: int) -> float:
    began = time.monotonic()
    gate(ReplayState(datetime(2011, 1, 1, tzinfo=UTC), sent, 100, 0, Speed.parse("max"), "running"))
    return time.monotonic() - began


def test_a_gate_lets_a_replay_pass_below_its_limit() -> None:
    gate = ReplayGate()
    gate.open(10)
    assert _seconds_held(gate, 9) < _WAITED
    assert gate.sent == 9


def test_a_gate_that_opens_slowly_spreads_what_is_sent_from_then_on() -> None:
    gate = ReplayGate()
    gate.open(11)
    _seconds_held(gate, 10)
    gate.open_slowly(20, 0.4)
    assert _seconds_held(gate, 20) > _WAITED
    assert gate.sent == 20
