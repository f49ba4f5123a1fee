"""A plan: what is sent once, in a loop, or in a dry run."""

from itertools import islice

import msgspec
import pytest

from models.units import MICROS_PER_DAY
from producers.chaos import Injection
from producers.chaos_spec import Chaos
from producers.dry_run import json_lines, summary
from producers.pace import Speed
from producers.plan import ReplayPlan
from producers.records import ticks
from producers.section import Section, missing
from tests.support.retail import retail
from tests.support.sections import section

DAY = MICROS_PER_DAY


@pytest.fixture
def part() -> Section:
    return section(retail(), 0, 40)


def test_the_records_of_a_loop_are_in_order_and_end_before_the_future(part: Section) -> None:
    plan = ReplayPlan(retail(), part, loop=True, latest=part.event_end + 40 * DAY)
    sent = list(plan.records())
    dues = [record.due for record in sent]
    assert dues == sorted(dues)
    assert dues[-1] <= part.event_end + 40 * DAY
    values = [record.value for record in sent if record.key]
    assert len(values) % 40 == 0
    assert len(values) == len(set(values)) > 40
    days = {due // DAY for due in dues}
    assert days == set(range(min(days), max(days) + 1))


def test_a_loop_that_is_resumed_begins_with_the_period_that_is_not_complete(part: Section) -> None:
    def rest(each: object) -> Section:
        number = each.period.number  # type: ignore[attr-defined]
        found: Section = each.section  # type: ignore[attr-defined]
        come = bytes([1]) * 40 if number < 3 else bytes([1]) * 39 + bytes([0])
        return missing(found, come, found.event_end if number < 3 else None)

    plan = ReplayPlan(retail(), part, loop=True, rest=rest)
    first = plan.first()
    assert first is not None
    assert (first.start, first.count) == (39, 1)
    transaction = next(record for record in plan.records() if record.key)
    assert msgspec.json.decode(transaction.value)["transaction_id"].endswith("~3")
    assert len(list(islice(plan.records(), 5))) == 5


def test_a_dry_run_says_how_much_and_how_long(part: Section) -> None:
    plan = ReplayPlan(retail(), part)
    found = summary(plan, "topic", Speed.parse("1d/s"), None)
    assert (found.transactions, found.ticks, found.injected) == (40, ticks(part), None)
    assert found.seconds == pytest.approx((part.event_end - part.event_start) / DAY)
    assert summary(plan, "topic", Speed.parse("max"), None).seconds is None
    assert summary(plan, "topic", Speed.parse("max"), 4.0).seconds == 10.0


def test_a_dry_run_has_every_record_as_a_line_also_a_broken_one(part: Section) -> None:
    chaos = Chaos(malformed=1.0, conflicts=0.5)
    lines = [msgspec.json.decode(line) for line in json_lines(ReplayPlan(retail(), part, Injection(chaos, 3)))]
    found = summary(ReplayPlan(retail(), part, Injection(chaos, 3)), "topic", Speed.parse("max"), None)
    assert found.injected is not None
    assert len(lines) == 40 + ticks(part) + found.injected["malformed"] + found.injected["conflicts"]
    assert sum(line["key"] is None for line in lines) == ticks(part)
    assert any("bytes" in line for line in lines)
    assert all(line["value"]["type"] in ("tick", "transaction") for line in lines if "value" in line)
