"""A webhook delivers changes with additions to v1, and skips only records that are not changes."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, cast

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from data.contract import asyncapi
from data.postgres.webhooks import Claim, SavedOffset
from services import risk_filters
from services.filters import parse
from services.webhooks.held_out import HeldOut
from services.webhooks.kinds import RISK, SEGMENTS, Kind
from services.webhooks.reader import ChangeRecord
from services.webhooks.run import Webhook
from services.webhooks.schedule import AcceptedAttempt, AttemptOutcome, Delivery, Policy


@cache
def example_of(message: str) -> Any:
    """The contract's first example of a message."""
    return asyncapi.document()["components"]["messages"][message]["examples"][0]


def event(message: str = "segmentChanged", **more: Any) -> bytes:
    """Return the contract's example of a change, with some fields of its data replaced."""
    payload = example_of(message)["payload"]
    return json.dumps(payload | {"data": payload["data"] | more}).encode()


async def accept(delivery: Delivery, now: object) -> AttemptOutcome:
    return AcceptedAttempt()


def after_reading(
    *events: bytes, where: str | None = None, kind: Kind = SEGMENTS, held_out: HeldOut | None = None
) -> Webhook:
    """Return a webhook that has read these events and delivered none yet."""
    claim = Claim("webhook", 1, {0: SavedOffset(0, frozenset())})
    chosen = None if where is None else risk_filters.parse(where) if kind is RISK else parse(where)
    webhook = Webhook(cast(Engine, None), claim, kind, chosen, Policy(15, 8, 1.0, 60.0), accept, held_out)
    for offset, each in enumerate(events):
        webhook._add(ChangeRecord(0, offset, each))
    return webhook


def test_a_change_with_an_unknown_cause_or_field_is_delivered() -> None:
    assert after_reading(event(cause="merger")).waiting == 1
    assert after_reading(event(cause="merger", household="H1"), where="to = Champions").waiting == 1
    assert after_reading(event(cause="merger"), where="cause = decay").waiting == 0


def test_a_webhook_delivers_changes_of_its_kind_only() -> None:
    both = (event(), event("riskChanged"))
    assert after_reading(*both).waiting == 1
    risk = after_reading(*both, event("riskChanged", to="paused", cause="holiday"), kind=RISK)
    assert (risk.waiting, risk.read_from) == (2, {0: 3})


def test_a_risk_change_is_chosen_by_its_states() -> None:
    data = example_of("riskChanged")["payload"]["data"]
    assert after_reading(event("riskChanged"), where=f"to = {data['to']}", kind=RISK).waiting == 1
    assert after_reading(event("riskChanged", to=None), where="to = none", kind=RISK).waiting == 1
    assert after_reading(event("riskChanged", to="paused"), where="to = presumed_lost", kind=RISK).waiting == 0


def test_events_of_other_types_and_invalid_events_are_skipped() -> None:
    other = json.dumps({"type": "segue.customer.merged.v1", "data": {"into": "12346"}}).encode()
    webhook = after_reading(other, b"", b"\xff", b"{}", event(sequence=0), event())
    assert webhook.waiting == 1
    assert webhook.read_from == {0: 6}


def test_a_change_that_is_left_out_is_done_and_not_delivered() -> None:
    webhook = after_reading()
    webhook._add(ChangeRecord(0, 0, event()), left_out=True)
    assert (webhook.waiting, webhook.read_from) == (0, {0: 1})


class Frozen:
    """Says who is held out, after Postgres has not answered at first."""

    def __init__(self) -> None:
        self.asked: list[Kind] = []

    def among(self, records: list[ChangeRecord], kind: Kind) -> list[bool]:
        self.asked.append(kind)
        if len(self.asked) < 3:
            raise OperationalError("SELECT", None, Exception("no answer"))
        return [True] * len(records)


@pytest.mark.parametrize("kind", [SEGMENTS, RISK])
def test_while_postgres_does_not_say_whose_changes_are_left_out_nothing_is_delivered(kind: Kind) -> None:
    frozen = Frozen()
    webhook = after_reading(kind=kind, held_out=cast(HeldOut, frozen))
    with ThreadPoolExecutor(1) as thread:
        assert asyncio.run(webhook._left_out(thread, [ChangeRecord(0, 0, event())])) == [True]
    assert frozen.asked == [kind] * 3
