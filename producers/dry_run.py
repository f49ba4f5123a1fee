"""What a replay would send: how much, from when to when, and the records as JSON lines. No stack is needed."""

import base64
import math
from collections.abc import Iterator

import msgspec

from data.contract.wire import Tick
from data.datasets.dataset import Dataset
from models.units import from_micros
from producers.chaos import Injected
from producers.dataset_contents import occurred_at
from producers.pace import Speed
from producers.plan import ReplayPlan
from producers.records import ReplayRecord, ticks
from producers.section import Section


class DryRun(msgspec.Struct, frozen=True):
    """What a replay would send; of a loop, its first period.

    Moments are ISO text. ``seconds`` is how long it would take at its speed and rate; None means as long as the workers
    need. ``ticks`` go to each partition. ``injected`` is the chaos, if there is any.
    """

    dataset: str
    topic: str
    transactions: int
    first: str
    last: str
    ticks: int
    speed: str
    seconds: float | None
    injected: dict[str, int] | None


def summary(plan: ReplayPlan, topic: str, speed: Speed, rate: float | None) -> DryRun:
    """What a plan would send. With chaos, all records are made, so that they can be counted."""
    injected = None
    if plan.injection is not None:
        for _ in plan.records():
            pass
        injected = plan.injection.injected
    return DryRun(
        dataset=plan.dataset.name,
        topic=topic,
        transactions=plan.section.count,
        first=_moment(plan.dataset, plan.section.start),
        last=_moment(plan.dataset, plan.section.stop - 1),
        ticks=ticks(plan.section),
        speed=str(speed),
        seconds=_seconds(plan.section, injected, speed, rate),
        injected=None if injected is None else msgspec.to_builtins(injected),
    )


def json_lines(plan: ReplayPlan) -> Iterator[bytes]:
    """The records of a plan, one JSON object with ``key`` and ``value`` each; a tick has no key.

    A value that is not JSON is in ``bytes`` instead, in Base64.
    """
    for record in plan.records():
        yield msgspec.json.encode(_line(record)) + b"\n"


def _line(record: ReplayRecord) -> dict[str, object]:
    if record.key is None:
        return {"key": None, "value": {"type": "tick", **msgspec.to_builtins(Tick(from_micros(record.due)))}}
    key = record.key.decode()
    try:
        return {"key": key, "value": msgspec.json.decode(record.value)}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"key": key, "bytes": base64.b64encode(record.value).decode()}


def _moment(dataset: Dataset, number: int) -> str:
    return str(from_micros(int(occurred_at(dataset)[number])))


def _seconds(section: Section, injected: Injected | None, speed: Speed, rate: float | None) -> float | None:
    """The longer one of what event time and the rate need."""
    of_time = 0.0 if math.isinf(speed.factor) else (section.event_end - section.event_start) / 1e6 / speed.factor
    count = section.count + (injected.extra if injected else 0)
    of_rate = 0.0 if rate is None else count / rate
    return max(of_time, of_rate) or None
