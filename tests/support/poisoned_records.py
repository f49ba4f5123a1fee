"""A stream of valid and invalid records; every record comes with the result that it must have."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from data.contract.wire import ModelActivation, Tick
from data.kafka.partitioner import partition_of
from tests.support.generated_tables import a_model

Fate = Literal["applied", "duplicate", "dead", "tick"]
Fields = dict[str, Any]
START = datetime(2011, 1, 1, tzinfo=UTC)
LARGE = 2_000_000


@dataclass(frozen=True)
class FatedRecord:
    """A record, its partition, and the result that it must have."""

    partition: int
    key: bytes | None
    value: bytes | None
    fate: Fate


class Poisoner:
    """Makes valid and invalid records."""

    def __init__(self, seed: int, partitions: int) -> None:
        self._random = random.Random(seed)
        self._partitions = partitions
        self._number = 0
        self._known: list[Fields] = []

    def stream(self, records: int) -> list[FatedRecord]:
        """Half valid records, half invalid ones of every kind; the last record of each partition is valid."""
        poisons = [self._raw, self._text, self._fields, self._conflict, self._misplaced, self._control]
        stream = [self.sound() for _ in range(20)]
        while len(stream) < records:
            makers: list[Callable[[], FatedRecord]] = [self.sound, self.duplicate, self.tick]
            weights = [8, 1, 1]
            kind = self._random.choices([*makers, *poisons], [*weights, *[2] * len(poisons)])[0]
            stream.append(kind())
        stream += self._large()
        last = {sent.partition: sent for sent in (self.sound() for _ in range(200))}
        return [*stream, *last.values()]

    def fields(self) -> Fields:
        """The fields of a valid transaction."""
        self._number += 1
        return {
            "type": "transaction",
            "transaction_id": f"T{self._number}",
            "customer_id": f"C{self._random.randrange(60)}",
            "occurred_at": f"{START + timedelta(minutes=self._number):%Y-%m-%dT%H:%M:%SZ}",
            "kind": "sale" if self._random.random() < 0.9 else "return",
            "amount": f"{self._random.randrange(500)}.{self._random.randrange(1000):03}",
            "currency": "GBP",
            "country": "France",
            "lines": [],
        }

    def sound(self) -> FatedRecord:
        """A transaction that will be applied."""
        fields = self.fields()
        self._known.append(fields)
        return self._of(fields, "applied")

    def duplicate(self) -> FatedRecord:
        """A repeated record whose fields may be in another order."""
        fields = self._random.choice(self._known)
        return self._of(dict(sorted(fields.items())), "duplicate")

    def tick(self) -> FatedRecord:
        """A tick."""
        value = msgspec.json.encode(Tick(START + timedelta(minutes=self._number)))
        return FatedRecord(self._random.randrange(self._partitions), None, value, "tick")

    def _of(self, fields: Fields, fate: Fate = "dead") -> FatedRecord:
        key = str(fields.get("customer_id", "C1"))
        return FatedRecord(partition_of(key, self._partitions), key.encode(), msgspec.json.encode(fields), fate)

    def _dead(self, value: bytes | None, key: bytes | None = b"C1") -> FatedRecord:
        return FatedRecord(self._random.randrange(self._partitions), key, value, "dead")

    def _raw(self) -> FatedRecord:
        """Bytes that are not JSON, or no value."""
        sound = msgspec.json.encode(self.fields())
        return self._dead(
            self._random.choice(
                [
                    self._random.randbytes(self._random.randrange(1, 200)),
                    sound[: self._random.randrange(len(sound))],
                    b"",
                    None,
                    b"\xef\xbb\xbf" + sound,
                    sound + b"}",
                    sound.replace(b"France", b"Fr\xffnce"),
                    sound.replace(b"France", rb"\ud800"),
                    b"[" * 50_000,
                    sound[:-1] + b',"more":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
                ]
            ),
            self._random.choice([b"C1", b"", b"\x00\xff", None]),
        )

    def _text(self) -> FatedRecord:
        """JSON that is no record of the log."""
        return self._dead(
            self._random.choice(
                [
                    b"null",
                    b"1e400",
                    b"NaN",
                    b'"transaction"',
                    b"[]",
                    b"{}",
                    b'{"type":null}',
                    b'{"type":"refund\\u0000"}',
                    b'{"type":"tick"}',
                    b'{"type":"tick","at":' + b"9" * 5_000 + b"}",
                    b'{"type":"tick","at":"9999-12-31T23:59:59Z"}',
                    b'{"type":"tick","at":"1969-12-31T23:59:59Z"}',
                    b'{"type":"tick","at":"2011-01-01"}',
                    b'{"type":"model","model":{}}',
                    b'{"type":"model","model":null}',
                ]
            )
        )

    def _fields(self) -> FatedRecord:
        """A transaction with one invalid field."""
        wrong: list[tuple[str, list[Any]]] = [
            ("amount", [12.5, -1, None, "NaN", "Infinity", "-1", "1e300", "9999999999", "1.23456", "", "12.123\n"]),
            ("occurred_at", ["soon", 0, 1e300, None, "2011-02-30T00:00:00Z", "2011-01-01T00:00:00"]),
            ("occurred_at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1900-01-01T00:00:00Z"]),
            ("kind", ["gift", "", None, 1, ["sale"]]),
            ("currency", ["EUR", "", "\x00", "💷" * 1_000, None, {}]),
            ("country", ["", "a\x00b", "x" * 65, 7, "France\n"]),
            ("transaction_id", ["", "a\x1fb", "x" * 65, 5, None, "T1\n"]),
            ("type", ["Transaction", "return", "", 0]),
        ]
        name, values = self._random.choice(wrong)
        return self._of(self.fields() | {name: self._random.choice(values)})

    def _conflict(self) -> FatedRecord:
        """A known id with other content."""
        fields = self._random.choice(self._known)
        return self._of(fields | {"amount": "100000.5"})

    def _misplaced(self) -> FatedRecord:
        """A valid transaction without its key, with another key, or in the wrong partition."""
        sent = self._of(self.fields())
        elsewhere = (sent.partition + 1) % self._partitions
        return self._random.choice(
            [
                FatedRecord(sent.partition, None, sent.value, "dead"),
                FatedRecord(sent.partition, b"somebody else", sent.value, "dead"),
                FatedRecord(elsewhere, sent.key, sent.value, "dead"),
            ]
        )

    def _control(self) -> FatedRecord:
        """A model that was changed after it was built."""
        model = msgspec.to_builtins(ModelActivation(a_model()))
        spec = model["model"]
        poisons: list[Fields] = [
            {"version": "k3-000000000000"},
            {"means": [1e999, 0, 0]},
            {"scales": [0, 1, 1]},
            {"segments": []},
            {"metadata": {"note": "\x00"}},
        ]
        return self._dead(msgspec.json.encode(model | {"model": spec | self._random.choice(poisons)}), None)

    def _large(self) -> list[FatedRecord]:
        """Records of two megabytes each: one valid, the others invalid, and one of them incompressible."""
        fields = self.fields() | {"lines": "x" * LARGE}
        return [
            self._of(fields, "applied"),
            self._of(self.fields() | {"type": "x" * LARGE}),
            self._dead(b"\x00" * LARGE),
            self._dead(self._random.randbytes(LARGE)),
            self._dead(b"{}", b"k" * LARGE),
        ]
