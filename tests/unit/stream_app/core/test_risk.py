"""What orders, silence, revisions and models do to risk states, one example for each."""

import os
import subprocess
import sys
from datetime import timedelta

import msgspec

from data.contract.risk_row import RiskRow
from data.contract.wire import Erasure, ModelActivation
from models.rhythm.carried import carrying
from models.units import to_micros
from tests.support.blocked_modules import without_modules
from tests.support.builders import START, recency_model, tick, transaction
from tests.support.in_memory_worker import Message, risk_outcome, run
from tests.support.rhythm import a_rhythm

MODEL = carrying(recency_model(), a_rhythm())
EARLIER = carrying(recency_model(away=30, lost=90), a_rhythm(lost_below=0.4))
MINUTE = 60_000_000


def changes(*messages: Message) -> list[RiskRow]:
    return [row for _, row in sorted(risk_outcome(run(MODEL, messages))[1].items())]


def steps(*messages: Message) -> list[tuple[str | None, str | None, str]]:
    return [(row.from_state, row.to_state, row.cause) for row in changes(*messages)]


def at(days: float) -> int:
    return to_micros(START + timedelta(days=days))


FIRST = (None, "on_rhythm", "first_purchase")
DUE, OVERDUE = ("on_rhythm", "due", "silence"), ("due", "overdue", "silence")


def test_silence_leads_through_the_states_at_their_own_moments() -> None:
    found = changes(transaction(1, 0), *(transaction(n, 2 * n) for n in range(2, 9)), tick(2_000))
    assert [(row.from_state, row.to_state, row.cause) for row in found] == [
        FIRST,
        DUE,
        OVERDUE,
        ("overdue", "presumed_lost", "silence"),
    ]
    assert all(row.effective_at % MINUTE == 0 for row in found[1:])
    assert [row.next_state for row in found] == ["due", "overdue", "presumed_lost", None]
    assert [row.next_at for row in found[1:]] == [found[2].effective_at, found[3].effective_at, None]
    # That of the first change was made void by the second order.
    assert found[0].next_at is not None
    assert found[0].next_at != found[1].effective_at


def test_an_order_makes_a_due_customer_on_rhythm_and_names_its_transaction() -> None:
    found = changes(transaction(1, 0), tick(100), transaction(2, 101))
    assert [(row.from_state, row.to_state, row.cause) for row in found] == [
        FIRST,
        DUE,
        ("due", "on_rhythm", "purchase"),
    ]
    assert (found[2].transaction_id, found[2].effective_at, found[2].frequency) == ("T2", at(101), 2)
    assert found[1].transaction_id is None


def test_a_late_order_leads_to_the_state_that_its_silence_says() -> None:
    [only] = changes(tick(100), transaction(1, 0))
    assert (only.from_state, only.to_state, only.cause) == (None, "due", "first_purchase")
    assert (only.effective_at, only.last_purchase_at) == (at(100), at(0))


def test_a_return_changes_nothing() -> None:
    with_return = steps(transaction(1, 0), transaction(2, 30, "return"), tick(100))
    assert with_return == steps(transaction(1, 0), tick(100)) == [FIRST, DUE]


def test_without_any_order_left_there_is_no_state_and_the_next_order_is_a_first_one() -> None:
    cancelled = msgspec.structs.replace(transaction(1, 0, "cancelled"), revision=1)
    found = changes(transaction(1, 0), cancelled, tick(300), transaction(2, 301))
    assert [(row.from_state, row.to_state, row.cause) for row in found] == [
        FIRST,
        ("on_rhythm", None, "revision"),
        FIRST,
    ]
    assert (found[1].frequency, found[1].last_purchase_at, found[1].next_at) == (0, None, None)


def test_a_cancellation_of_the_last_order_brings_the_silence_since_the_one_before_back() -> None:
    cancelled = msgspec.structs.replace(transaction(2, 95, "cancelled"), revision=1)
    assert steps(transaction(1, 0), transaction(2, 95), cancelled) == [
        FIRST,
        DUE,
        ("due", "on_rhythm", "purchase"),
        ("on_rhythm", "due", "revision"),
    ]


def test_another_rhythm_model_decides_as_of_its_activation_and_none_ends_the_state() -> None:
    found = changes(
        transaction(1, 0),
        tick(90),
        ModelActivation(EARLIER),
        tick(400),
        ModelActivation(recency_model(away=25)),
        tick(900),
    )
    moved = [(row.from_state, row.to_state, row.cause, row.rhythm_version) for row in found]
    earlier = a_rhythm(lost_below=0.4).version
    assert moved == [
        (*FIRST, a_rhythm().version),
        (*DUE, a_rhythm().version),
        ("due", "presumed_lost", "model", earlier),
        ("presumed_lost", None, "model", None),
    ]
    assert [row.effective_at for row in found[2:]] == [at(90), at(400)]


def test_a_customer_whom_a_batch_erases_leaves_no_gap_in_the_positions() -> None:
    messages: list[Message] = [
        transaction(1, 0, customer="a"),
        transaction(2, 0, customer="b"),
        transaction(3, 0, customer="c"),
        Erasure("b"),
        tick(100),
    ]
    [world] = run(MODEL, messages)
    assert [(row.position, row.customer_id) for row in world.risk_changes] == [(1, "a"), (2, "c"), (3, "a"), (4, "c")]


def test_a_worker_needs_no_scipy() -> None:
    program = f"""{without_modules({"scipy"})}
from models.rhythm.carried import carrying
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_worker import run
from tests.support.rhythm import a_rhythm
model = carrying(recency_model(), a_rhythm())
print(len(run(model, [transaction(1, 0), tick(2_000)])[0].risk_changes))
"""
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
