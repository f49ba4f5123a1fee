"""``segue ingest`` refuses what can't work in one line, before it looks for a broker."""

from pathlib import Path

import pytest

from tests.support.commands import in_process
from tests.support.kafka_envelopes import MAPPING


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.toml").write_text(MAPPING)
    (tmp_path / "empty.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    for name in ("SEGUE_DATABASE_URL", "SEGUE_BOOTSTRAP_SERVERS", "SEGUE_STATE_DIR", "SEGUE_CURRENCY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mapping", "shop.toml"], "Missing option '--topic'"),
        (["--topic", "orders"], "Missing option '--mapping'"),
        (["--topic", "my orders", "--mapping", "shop.toml"], "a topic's name has up to 249"),
        (["--topic", "orders", "--mapping", "missing.toml"], "can't read the mapping missing.toml"),
        (["--topic", "orders", "--mapping", "empty.toml"], "the mapping lacks the columns order number"),
        (["--topic", "orders", "--mapping", "shop.toml", "--set", "x.y=1"], "there is no such key"),
        (
            ["--topic", "orders", "--mapping", "shop.toml", "--set", "money.currency=EUR"],
            "in EUR, and the stream's in GBP",
        ),
        (["--topic", "segue.transactions.v1", "--mapping", "shop.toml"], "a topic of Segue's own"),
        (["--topic", "orders", "--mapping", "shop.toml", "--dry-run", "0"], "Invalid value for '--dry-run'"),
        (["--topic", "orders", "--mapping", "shop.toml"], "SEGUE_BOOTSTRAP_SERVERS is not set"),
    ],
)
def test_what_cannot_work_is_refused(words: list[str], said: str) -> None:
    done = in_process("ingest", *words)
    assert done.returncode in (1, 2)
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("topic", ["segue.transactions.v1", "segue.transactions.dlq.v1", "segue.risk-changes.v1"])
def test_a_stack_does_not_ingest_from_a_topic_of_its_own(topic: str) -> None:
    done = in_process("up", "--port=0", "--live", f"--ingest-topic={topic}", "--mapping=shop.toml")
    assert done.returncode == 1
    said = f"error: --ingest-topic {topic}: that is a topic of Segue's own; name the one with the orders\n"
    assert done.stderr == said


@pytest.mark.parametrize(
    "words", [["--ingest-topic=orders"], ["--live", "--ingest-topic=orders"], ["--mapping=shop.toml"]]
)
def test_a_stack_ingests_with_a_topic_and_a_mapping_and_live(words: list[str]) -> None:
    done = in_process("up", "--port=0", *words)
    assert done.returncode == 1
    assert "--ingest-topic and --mapping go together, with --live" in done.stderr
