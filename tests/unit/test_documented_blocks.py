"""Every code block of the documentation is run, or checked, by a test that this page names."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from runtime.settings import Settings
from tests.support.documented import ROOT, Block, blocks, commands

DOCUMENTED = "tests/e2e/test_documented_commands.py"
# The first words of a block, and the test that runs it; a page of one test has an empty text.
RUN_BY = {
    "README.md": {"$ make demo": "tests/unit/test_documented_blocks.py"},
    "docs/api.md": {"": DOCUMENTED},
    "docs/contract.md": {"{": "tests/unit/data/contract/test_examples.py"},
    "docs/dead_letters.md": {"": DOCUMENTED},
    "docs/drift.md": {"segue up --drift": "tests/e2e/test_drift.py"},
    "docs/files.md": {"$ segue data": DOCUMENTED, "preset": "tests/unit/data/datasets/test_mapping.py"},
    "docs/forgetting.md": {"": DOCUMENTED},
    "docs/ingest.md": {"": DOCUMENTED},
    "docs/live.md": {"": DOCUMENTED},
    "docs/operations.md": {
        "segue skip": "tests/e2e/test_stuck.py",
        "kafka-configs.sh": "tests/e2e/kafka/test_large_invoice.py",
        "segue replay FILE --chaos": DOCUMENTED,
        "segue control": DOCUMENTED,
        "segue soak": "tests/e2e/kafka/test_storm.py",
    },
    "docs/production.md": {
        "": "tests/e2e/test_production_page.py",
        "$ for role in": "tests/unit/test_dockerfile.py",
        "$ kubectl": "tests/unit/test_kubernetes.py",
        "# kustomization.yaml": "tests/unit/test_kubernetes.py",
    },
    "docs/reading_from_postgres.md": {"": "tests/integration/data/postgres/test_views.py"},
    "docs/reliability.md": {
        "$ SEGUE_TEST_KILLS": "tests/e2e/kafka/test_kills.py",
        # A table that a command prints.
        "mutation": "tests/unit/sim/mutation/test_catalogue.py",
    },
    "docs/security.md": {
        "SEGUE_BOOTSTRAP": "tests/unit/test_documented_blocks.py",
        "SEGUE_SASL": "tests/unit/test_documented_blocks.py",
        "SEGUE_OIDC": "tests/e2e/test_login_in_a_browser.py",
        "$ segue audit": DOCUMENTED,
        "GRANT": DOCUMENTED,
        "ALTER ROLE": DOCUMENTED,
    },
    "docs/subscribing.md": {
        "{": "tests/unit/data/contract/test_examples.py",
        "": "tests/e2e/test_other_clients.py",
        '"""Append': "tests/e2e/test_subscriber_programs.py",
        "// Append": "tests/e2e/test_subscriber_programs.py",
        "<project": "tests/e2e/test_subscriber_programs.py",
        "#!/usr/bin/env bash": "tests/e2e/test_subscriber_programs.py",
    },
    "docs/webhooks.md": {"": DOCUMENTED, "import os": "tests/e2e/test_webhooks.py"},
    # Docker itself runs nowhere in the tests: the same processes run with the settings of the Compose file.
    "docs/docker.md": {"": "tests/e2e/kafka/test_compose.py"},
    "examples/any_shop/README.md": {"": "tests/e2e/test_any_shop.py"},
    "examples/live_shop/README.md": {"": "tests/e2e/kafka/test_live_shop.py"},
    "examples/reengagement/README.md": {"": "tests/unit/examples/test_reengagement.py"},
    "examples/subscribers/README.md": {"": "tests/e2e/test_subscriber_programs.py"},
}
# `segue.cli.reference` writes this page, and a test compares it.
GENERATED = "docs/cli.md"
PAGES = [
    str(page.relative_to(ROOT))
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*/README.md"))
]


def runner(block: Block) -> str | None:
    """The test of the longest text that a block begins with."""
    named = RUN_BY.get(block.page, {})
    begins = [text for text in named if block.first.startswith(text)]
    return named[max(begins, key=len)] if begins else None


@pytest.mark.parametrize("page", sorted({*PAGES} - {GENERATED}))
def test_a_test_runs_every_block(page: str) -> None:
    found = [block for block in blocks(page) if block.language]
    lacking = [block.first for block in found if runner(block) is None]
    assert lacking == [], "run these in a test, and name it above"
    used = {(block.page, runner(block)) for block in found}
    assert used == {(page, test) for test in RUN_BY.get(page, {}).values()}, "a test is named for no block"


@pytest.mark.parametrize("test", sorted({test for named in RUN_BY.values() for test in named.values()}))
def test_a_named_test_exists(test: str) -> None:
    assert (ROOT / test).is_file()


@pytest.mark.parametrize(
    "block", [block for block in blocks("docs/security.md") if block.first.startswith(("SEGUE_BOOT", "SEGUE_SASL"))]
)
def test_the_settings_of_a_secured_kafka_are_settings(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kafka").write_text("secret\n")
    (tmp_path / "ca.pem").write_text("")
    named = dict(line.split("=", 1) for line in commands(block))
    for name, value in named.items():
        here = value.replace("/run/secrets/", f"{tmp_path}/").replace("/etc/segue/", f"{tmp_path}/")
        monkeypatch.setenv(name, here)
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", "kafka.example:9093")
    settings = Settings(state_dir=tmp_path)
    assert settings.brokers.mechanism == named["SEGUE_SASL_MECHANISM"]
    assert settings.brokers.password is not None


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    ("written", "does"),
    [
        ("", "segue demo"),
        ('ARGS="--speed 7d/s"', "segue demo --speed 7d/s"),
        ('ARGS="--once --json FILE"', "segue demo --once --json FILE"),
        ('ARGS="--fresh"', "segue demo --fresh"),
        ("BROKER=apache", "segue demo --broker apache"),
    ],
)
def test_make_passes_the_options_of_a_demo_on(written: str, does: str) -> None:
    assert f"$ make demo {written}".strip() in Path(ROOT / "README.md").read_text()
    command = ["make", "--dry-run", "demo", *shlex.split(written)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert " ".join(done.stdout.splitlines()[-1].split()).endswith(does)
