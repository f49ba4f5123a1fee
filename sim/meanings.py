"""What a record of the log means, whatever its bytes: the oracle and the stories need no decoder."""

from dataclasses import dataclass

from data.contract.wire import Kind
from models.segment_model import SegmentModel
from sim.kafka.log import ProducedContent


@dataclass(frozen=True, slots=True)
class Order:
    """A transaction that can be decoded; amounts in ten-thousandths, moments in micros."""

    transaction: str
    customer: str
    occurred_at: int
    kind: Kind
    amount: int
    revision: int
    country: str


@dataclass(frozen=True, slots=True)
class TickAt:
    """A tick that is valid."""

    moment: int


@dataclass(frozen=True, slots=True)
class NewModel:
    """An activation; with a control key it is valid only if its number is greater than all before it."""

    model: SegmentModel
    number: int


@dataclass(frozen=True, slots=True)
class Forget:
    """An erasure that is valid."""

    customer: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that is a dead letter whatever came before; ``customer`` is the one that it names, if any."""

    customer: str = ""


Meaning = Order | TickAt | NewModel | Forget | Bad


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record and what it means."""

    content: ProducedContent
    meaning: Meaning
