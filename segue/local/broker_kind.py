"""The kinds of brokers that a local stack can have; importing this imports no broker."""

from typing import Literal

BrokerKind = Literal["embedded", "apache"]
