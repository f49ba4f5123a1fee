"""The brokers of a test: the embedded one, and a real Apache Kafka where Java and Maven are installed."""

import pytest

from segue.local.apache.java import missing

_REASON = missing()
APACHE = [pytest.mark.kafka, pytest.mark.skipif(_REASON is not None, reason=_REASON or "")]
BOTH_BROKERS = ["embedded", pytest.param("apache", marks=APACHE)]
