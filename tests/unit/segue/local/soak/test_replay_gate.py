"""A gate holds a replay at a number of transactions, and can open slowly."""

import time
from datetime import UTC, datetime

from producers.control import ReplayState
from producers.pace import Speed
from segue.local.soak.run import ReplayGate

_SECONDS = 0.4


def _pass(gate: ReplayGate, sent: int) -> None:
    gate(ReplayState(datetime(2011, 1, 1, tzinfo=UTC), sent, 100, 0, Speed.parse("max"), "running"))


def test_a_gate_lets_a_replay_pass_below_its_limit() -> None:
    gate = ReplayGate()
    gate.open(10)
    _pass(gate, 9)
    assert gate.sent == 9


def test_a_gate_that_opens_slowly_spreads_what_is_sent_from_then_on() -> None:
    gate = ReplayGate()
    gate.open(11)
    _pass(gate, 10)
    began = time.monotonic()
    gate.open_slowly(20, _SECONDS)
    _pass(gate, 20)
    assert time.monotonic() - began >= _SECONDS / 2
    assert gate.sent == 20
