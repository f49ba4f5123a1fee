"""A replay names an invoice that is larger than the topic allows, and goes on once the limit is raised."""

import csv
import json
import random
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from typer.testing import CliRunner

from segue.cli.app import app
from tests.support.generated_tables import a_model
from tests.support.local_stack import Local, local

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1_800)]

COLUMNS = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
LARGE = "799999"


def _shop(path: Path) -> str:
    """Ten small invoices, and one of 30,000 lines that hardly compress."""
    rng = random.Random(3)
    rows = [
        [f"79{day:04d}", "A10", "MUG", 1, f"2010-03-{day:02d} 09:00:00", "5.00", 12_000 + day, "UK"]
        for day in range(1, 11)
    ]
    moment = "2010-03-05 10:00:00"
    rows += [
        [LARGE, f"S{line}", f"{rng.getrandbits(320):x}", 1, moment, f"{rng.randint(1, 9_999) / 100:.2f}", 13_000, "UK"]
        for line in range(30_000)
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return str(path)


def _raise_the_limit(run: Local) -> None:
    topic = ConfigResource(
        ResourceType.TOPIC,
        run.settings.topics.transactions,
        incremental_configs=[ConfigEntry("max.message.bytes", "16777216", incremental_operation=AlterConfigOpType.SET)],
    )
    admin = AdminClient(run.settings.brokers.config)
    for altered in admin.incremental_alter_configs([topic]).values():
        altered.result()


def test_a_replay_names_an_invoice_that_is_too_large_and_goes_on_after_the_limit_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    shop = _shop(tmp_path / "big.csv")
    with local(tmp_path, a_model(), broker="apache") as run:
        refused = CliRunner().invoke(app, ["replay", shop, "--speed", "max"])
        assert refused.exit_code == 1
        message = str(refused.exception)
        assert f"invoice {LARGE} of customer 13000" in message
        assert "max.message.bytes of the topic" in message

        _raise_the_limit(run)
        resumed = CliRunner().invoke(app, ["replay", shop, "--speed", "max", "--resume", "--json"])
        assert resumed.exit_code == 0, resumed.output
        outcome = json.loads(resumed.stdout)
        assert outcome["applied"] == outcome["sent"] >= 1
        assert outcome["dead_letters"] == {}
        assert CliRunner().invoke(app, ["reconcile", shop]).exit_code == 0
