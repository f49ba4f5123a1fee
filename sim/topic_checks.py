"""What must be true of the topics that subscribers read: while a history runs, and when all has drained."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from models.units import to_micros
from runtime.topics import Topics
from sim.kafka.broker import Broker, Place
from sim.oracle import Change, ExpectedOutcome
from sim.risk_oracle import ExpectedRiskChange
from sim.world import World

_HEADERS = ("ce_type", "ce_id", "to", "cause")


class TopicWatch:
    """Follows changes, latest states and risk changes as readers of committed records do, and checks every step."""

    def __init__(self, world: World, broker: Broker, topics: Topics) -> None:
        self._world, self._broker = world, broker
        self._topics, self._risk_topic = (topics.changes, topics.segments), topics.risk_changes
        self._offsets: dict[Place, int] = {}
        self.changes: dict[int, list[dict[str, Any]]] = {}
        self._changed: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self.risk_changes: dict[int, list[dict[str, Any]]] = {}
        self._last_risk: dict[str, int] = {}
        self.states: dict[str, dict[str, Any] | None] = {}
        broker.on_visible = self._look

    def _look(self, place: Place) -> None:
        topic, partition = place
        if topic == self._risk_topic:
            self._read_risk_changes(place)
        if topic not in self._topics:
            return
        changes, segments = ((each, partition) for each in self._topics)
        self._read_changes(changes)
        self._read_states(segments)
        # Markers of one Kafka transaction are written one after the other.
        logs = self._broker.logs
        open_ = any(logs[each].stable_end < logs[each].end for each in (changes, segments))
        if open_ or not self._broker.settled:
            return
        for customer, sequence in self._changed.items():
            state = self.states.get(customer, {"sequence": 0})
            if state is not None and state["sequence"] < sequence:
                self._world.problem(
                    f"the latest state of {customer} is that of change {state['sequence']}, but the topic has change "
                    f"{sequence}"
                )
        self._changed.clear()

    def _read(self, place: Place) -> Iterable[tuple[str, dict[str, Any] | None]]:
        records, self._offsets[place] = self._broker.logs[place].committed(self._offsets.get(place, 0))
        for record in records:
            customer, data = (record.key or b"").decode(), None
            if record.value is not None:
                event = msgspec.json.decode(record.value)
                data = event["data"]
                headers = {name: (value or b"").decode() for name, value in record.headers}
                to = data.get("to", data.get("segment"))
                of = to["id"] if isinstance(to, dict) else to
                own = (event["type"], event["id"], of, data.get("cause", headers["cause"]))
                if tuple(headers.get(name) for name in _HEADERS) != own or event["subject"] != customer:
                    self._world.problem(f"the event {own} of {customer} has the headers {headers}")
            yield customer, data

    def _read_changes(self, place: Place) -> None:
        for customer, data in self._read(place):
            assert data is not None  # noqa: S101 - a change has a value
            self.changes.setdefault(place[1], []).append(data)
            before = self._last.get(customer, 0)
            if data["sequence"] != before + 1:
                self._world.problem(f"the change topic has change {data['sequence']} of {customer} after {before}")
            self._last[customer] = data["sequence"]
            self._changed[customer] = max(self._changed.get(customer, 0), data["sequence"])

    def _read_risk_changes(self, place: Place) -> None:
        for customer, data in self._read(place):
            assert data is not None  # noqa: S101 - a risk change has a value
            self.risk_changes.setdefault(place[1], []).append(data)
            before = self._last_risk.get(customer, 0)
            if data["sequence"] != before + 1:
                self._world.problem(f"the topic has risk change {data['sequence']} of {customer} after {before}")
            self._last_risk[customer] = data["sequence"]

    def _read_states(self, place: Place) -> None:
        for customer, data in self._read(place):
            self.states[customer] = data


def topic_differences(watch: TopicWatch, expected: Mapping[int, ExpectedOutcome]) -> list[str]:
    """Where the topics differ from what the oracle has found."""
    found: list[str] = []
    for partition, outcome in expected.items():
        forgotten = set(outcome.forgotten)
        by_customer: dict[str, list[dict[str, Any]]] = {}
        for data in watch.changes.get(partition, []):
            by_customer.setdefault(data["customer_id"], []).append(data)
        wanted: dict[str, list[Change]] = {}
        for change in outcome.changes:
            wanted.setdefault(change.customer, []).append(change)
        for customer in sorted({*by_customer, *wanted}):
            published = by_customer.get(customer, [])
            sequences = [data["sequence"] for data in published]
            if sequences != list(range(1, len(sequences) + 1)):
                found.append(f"the change topic has the sequences {sequences} of {customer}")
                continue
            if customer in forgotten:
                continue
            changes = wanted.get(customer, [])
            if len(changes) != len(published):
                found.append(f"the change topic has {len(published)} of {len(changes)} changes of {customer}")
                continue
            for data, change in zip(published, changes, strict=True):
                was, should = _published(data), _expected(change)
                if was != should:
                    names = {name: value for name, value in was.items() if value != should[name]}
                    found.append(f"change {change.sequence} of {customer} was published with {names}")
        kept = [customer for customer in sorted(forgotten) if watch.states.get(customer) is not None]
        found += [f"the latest state of {customer}, who is forgotten, is still there" for customer in kept]
        for profile in outcome.profiles:
            if not profile.sequence:
                continue
            state, last = watch.states.get(profile.customer), wanted[profile.customer][-1]
            if state is None or state["sequence"] != last.sequence:
                found.append(f"the latest state of {profile.customer} is not that of change {last.sequence}: {state}")
            elif _state(state) != {name: value for name, value in _expected(last).items() if name in _state(state)}:
                found.append(f"the latest state of {profile.customer} has another content: {state}")
    return found


def risk_differences(watch: TopicWatch, expected: Mapping[int, ExpectedOutcome]) -> list[str]:
    """Where the topic of risk changes differs from what the oracle has found."""
    found: list[str] = []
    for partition, outcome in expected.items():
        published: dict[str, list[ExpectedRiskChange]] = {}
        for data in watch.risk_changes.get(partition, []):
            published.setdefault(data["customer_id"], []).append(_risk_change(data))
        wanted: dict[str, list[ExpectedRiskChange]] = {}
        for change in outcome.risk_changes:
            wanted.setdefault(change.customer, []).append(change)
        for customer in sorted({*published, *wanted} - set(outcome.forgotten)):
            was, should = published.get(customer, []), wanted.get(customer, [])
            if was != should:
                other = next((pair for pair in zip(was, should, strict=False) if pair[0] != pair[1]), None)
                found.append(f"the topic has {len(was)} of {len(should)} risk changes of {customer}: {other}")
    return found


def _risk_change(data: Mapping[str, Any]) -> ExpectedRiskChange:
    """A risk change's event, in the units of the oracle."""

    def moment(name: str) -> int | None:
        return None if data[name] is None else to_micros(datetime.fromisoformat(data[name]))

    return ExpectedRiskChange(
        customer=data["customer_id"],
        sequence=data["sequence"],
        from_state=data["from"],
        to_state=data["to"],
        cause=data["cause"],
        effective_at=to_micros(datetime.fromisoformat(data["effective_at"])),
        frequency=data["frequency"],
        last_purchase_at=moment("last_purchase_at"),
        next_state=data["next_state"],
        next_at=moment("next_at"),
        rhythm_version=data["rhythm_version"],
        transaction=data["transaction_id"],
    )


def _published(data: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a change's event, in the units of the oracle."""
    return {
        "from": None if data["from"] is None else (data["from"]["id"], data["from"]["persona"]),
        "cause": data["cause"],
        "transaction": data["transaction_id"],
        **_state({**data, "segment": data["to"], "since": data["effective_at"]}),
    }


def _state(data: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a latest state, which a change has, too."""
    return {
        "segment": (data["segment"]["id"], data["segment"]["persona"]),
        "since": to_micros(datetime.fromisoformat(data["since"])),
        "recency": data["recency_days"],
        "frequency": data["frequency"],
        "monetary": Decimal(data["monetary"]) * 10_000,
        "gross": Decimal(data["gross"]) * 10_000,
        "returned": Decimal(data["returned"]) * 10_000,
        "model": data["model_version"],
    }


def _expected(change: Change) -> dict[str, Any]:
    return {
        "from": None if change.from_segment is None else (change.from_segment, change.from_segment.title()),
        "cause": change.cause,
        "transaction": change.transaction,
        "segment": (change.to_segment, change.to_segment.title()),
        "since": change.effective_at,
        "recency": change.recency_days,
        "frequency": change.frequency,
        "monetary": max(change.gross - change.returned, 0),
        "gross": change.gross,
        "returned": change.returned,
        "model": change.model_version,
    }
