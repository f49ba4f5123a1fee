"""A webhook knows whose changes to leave out: those of held-out customers, while their campaign runs."""

import json
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Engine

from data.contract import asyncapi
from data.postgres import campaigns
from runtime.topics import ChangeKind
from services.webhooks.held_out import HeldOut
from services.webhooks.kinds import KINDS, SEGMENTS
from services.webhooks.reader import ChangeRecord
from tests.support.campaigns import store_campaign
from tests.support.generated_tables import a_model, a_stream, insert_rows

MESSAGES = {"segments": "segmentChanged", "risk": "riskChanged"}


@pytest.fixture
def filled(postgres: Engine) -> Engine:
    """A migrated database with the customers of a stream."""
    insert_rows(postgres, a_model(), a_stream(a_model()))
    return postgres


@cache
def messages() -> Any:
    """The messages of the contract."""
    return asyncapi.document()["components"]["messages"]


def change(customer: str, at: datetime, kind: ChangeKind = "segments") -> ChangeRecord:
    example = messages()[MESSAGES[kind]]["examples"][0]["payload"]
    data = example["data"] | {"customer_id": customer, "effective_at": at.isoformat()}
    return ChangeRecord(0, 0, json.dumps(example | {"data": data}).encode())


@pytest.mark.parametrize("kind", ["segments", "risk"])
def test_only_changes_of_held_out_customers_within_the_horizon_are_left_out(filled: Engine, kind: ChangeKind) -> None:
    spring = store_campaign(filled, "spring")
    with filled.connect() as connection:
        members = campaigns.members(connection, "spring")
    held_out = next(member.customer_id for member in members if member.held_out)
    treated = next(member.customer_id for member in members if not member.held_out)
    before, last = spring.started_at - timedelta(seconds=1), spring.ends_at - timedelta(seconds=1)
    records = [
        change(held_out, spring.started_at, kind),
        change(held_out, last, kind),
        change(held_out, before, kind),
        change(held_out, spring.ends_at, kind),
        change(treated, last, kind),
        change("nobody", last, kind),
        ChangeRecord(0, 6, b"no change"),
    ]
    assert HeldOut(filled).among(records, KINDS[kind]) == [True, True, False, False, False, False, False]


def test_without_campaigns_and_without_records_nothing_is_left_out(filled: Engine) -> None:
    some = change("10000", datetime.fromisoformat("2011-03-01T00:00:00+00:00"))
    assert HeldOut(filled).among([some], SEGMENTS) == [False]
    assert HeldOut(filled).among([], SEGMENTS) == []
