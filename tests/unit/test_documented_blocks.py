"""Every code block of the documentation is run, or checked, by a test that this page names."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from data.datasets.mapping_toml import from_toml
from runtime.settings import Settings, variables
from sim.mutation.catalogue import MUTATIONS
from tests.support.commands import parse
from tests.support.documented import ROOT, Block, block, blocks, commands, segue_commands

HERE = "tests/unit/test_documented_blocks.py"
DOCUMENTED = "tests/e2e/test_documented_commands.py"
# The first words of a block, and the test that runs it; a page of one test has an empty text. Where a test runs what a
# command runs, and not the command, this file tests that there is such a command with such options.
RUN_BY = {
    "README.md": {"$ make demo": HERE},
    "docs/alerts.md": {"": "tests/integration/segue/cli/test_alerts_commands.py"},
    "docs/api.md": {"": DOCUMENTED},
    "docs/as_of.md": {"$ segue audience": "tests/integration/segue/cli/test_audience_as_of.py"},
    "docs/audiences.md": {"": "tests/integration/segue/cli/test_audience_commands.py"},
    "docs/backfill.md": {"": "tests/integration/segue/cli/test_backfill_command.py"},
    "docs/campaigns.md": {"segue campaign": "tests/e2e/test_campaigns.py"},
    "docs/contract.md": {"{": "tests/unit/data/contract/test_examples.py"},
    "docs/dead_letters.md": {"": DOCUMENTED},
    "docs/drift.md": {"segue up --drift": "tests/e2e/test_drift.py"},
    "docs/decisions/0033-the-ledger-is-kept.md": {
        "CREATE TABLESPACE": "tests/integration/stream_app/storage/test_ledger_on_another_disk.py"
    },
    "docs/files.md": {"$ segue data": DOCUMENTED, "preset": HERE},
    "docs/forgetting.md": {"": DOCUMENTED},
    "docs/ingest.md": {"": DOCUMENTED},
    "docs/live.md": {"": DOCUMENTED},
    "docs/operations.md": {
        "segue skip": "tests/integration/segue/cli/test_status_and_skip.py",
        "kafka-configs.sh": "tests/e2e/kafka/test_large_invoice.py",
        "segue replay FILE --chaos": DOCUMENTED,
        "segue control": DOCUMENTED,
        "segue soak": "tests/e2e/kafka/test_storm.py",
    },
    "docs/production.md": {
        "": "tests/e2e/test_production_page.py",
        "SEGUE_": HERE,
        "$ for role in": "tests/unit/test_dockerfile.py",
        "$ kubectl": "tests/unit/test_kubernetes.py",
        "# kustomization.yaml": "tests/unit/test_kubernetes.py",
    },
    "docs/reading_from_postgres.md": {"": "tests/integration/data/postgres/test_views.py"},
    "docs/reliability.md": {
        "$ SEGUE_TEST_KILLS": "tests/e2e/kafka/test_kills.py",
    },
    "docs/segments.md": {"$ segue fit": "tests/unit/segue/cli/test_fit_and_score.py"},
    "docs/security.md": {
        "SEGUE_": HERE,
        "$ segue audit": DOCUMENTED,
        "GRANT": DOCUMENTED,
        "ALTER ROLE": DOCUMENTED,
    },
    "docs/subscribing.md": {
        "{": "tests/unit/data/contract/test_examples.py",
        "": "tests/e2e/test_other_clients.py",
        "$ segue changes": "tests/e2e/test_subscribers.py",
        '"""Append': "tests/e2e/test_subscriber_programs.py",
        "// Append": "tests/e2e/test_subscriber_programs.py",
        "<project": "tests/e2e/test_subscriber_programs.py",
        "#!/usr/bin/env bash": "tests/e2e/test_subscriber_programs.py",
    },
    "docs/mechanisms/progress.md": {"stateDiagram-v2": "tests/unit/stream_app/test_partition_life.py"},
    "docs/simulator.md": {"segue sim": "tests/integration/sim/test_histories.py"},
    "docs/webhooks.md": {
        "": DOCUMENTED,
        "export SEGUE_WEBHOOK_NAME": "tests/e2e/test_risk_webhooks.py",
        "{": "tests/unit/data/contract/test_examples.py",
        "import os": "tests/e2e/test_webhooks.py",
    },
    # Docker itself runs nowhere in the tests: the same processes run with the settings of the Compose file.
    "docs/docker.md": {"": "tests/e2e/kafka/test_compose.py"},
    "examples/any_shop/README.md": {"": "tests/e2e/test_any_shop.py"},
    "examples/live_shop/README.md": {"": "tests/e2e/kafka/test_live_shop.py"},
    "examples/reengagement/README.md": {"": "tests/e2e/test_subscribers.py"},
    "examples/subscribers/README.md": {"": "tests/e2e/test_subscriber_programs.py"},
}
# `segue.cli.reference` writes this page, and a test compares it.
GENERATED = "docs/cli.md"
PAGES = [
    str(page.relative_to(ROOT))
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*/README.md"))
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


@pytest.mark.parametrize("page", sorted({*PAGES} - {GENERATED}))
def test_every_command_is_one_that_segue_understands(page: str) -> None:
    for each in blocks(page):
        for arguments in segue_commands(each):
            parse(*arguments)


def in_environment(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set the variables of a block, with its files in a folder; returns them as the block has them."""
    named = dict(line.split("=", 1) for line in commands(block))
    assert set(named) <= variables()
    for name, value in named.items():
        here = re.sub(r"^/(?:run/secrets|etc/segue)/", f"{folder}/", value.strip('"'))
        if here.startswith(str(folder)):
            Path(here).write_text(f"{name} with at least 32 characters\n")
        monkeypatch.setenv(name, here)
    return named


def blocks_of(*begins: str) -> list[Block]:
    """The blocks of settings that begin with one of some texts."""
    pages = ("docs/security.md", "docs/production.md")
    return [each for page in pages for each in blocks(page) if each.first.startswith(begins)]


@pytest.mark.parametrize("shown", blocks_of("SEGUE_BOOT", "SEGUE_SASL"))
def test_the_settings_of_a_secured_kafka_are_settings(
    shown: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = in_environment(shown, tmp_path, monkeypatch)
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", "kafka.example:9093")
    settings = Settings(state_dir=tmp_path)
    assert settings.brokers.mechanism == named["SEGUE_SASL_MECHANISM"]
    assert settings.brokers.password is not None


@pytest.mark.parametrize("shown", blocks_of("SEGUE_OIDC", "SEGUE_DASHBOARD"))
def test_the_settings_of_a_login_are_settings(shown: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = in_environment(shown, tmp_path, monkeypatch)
    monkeypatch.setenv("SEGUE_MASKED_DATABASE_URL", "postgresql://segue_masked_login@postgres.example/segue")
    login = Settings(state_dir=tmp_path).login
    assert login is not None
    assert (login.issuer, login.client_id) == (named["SEGUE_OIDC_ISSUER"], named["SEGUE_OIDC_CLIENT_ID"])
    assert (login.dashboard_url, login.roles_claim) == (named["SEGUE_DASHBOARD_URL"], named["SEGUE_OIDC_ROLES_CLAIM"])
    assert sorted(login.roles.values()) == ["analyst", "marketer", "operator"]


def test_the_mapping_of_the_page_on_files_is_a_mapping() -> None:
    shown = from_toml(block("docs/files.md", 'transaction = "Bestellung"').text, "shop.toml")
    assert (shown.preset, shown.columns.time, shown.time.zone) == ("orders", "Datum", "Europe/Berlin")


def test_the_page_on_reliability_lists_every_mutation() -> None:
    _, table = (ROOT / "docs/reliability.md").read_text().split("| mutation | seed |")
    rows = [line.split(" | ") for line in table.split("\n\n")[0].splitlines()[2:]]
    assert [row[0].removeprefix("| ") for row in rows] == [mutation.name for mutation in MUTATIONS]
    assert all(row[1].isdecimal() or row[1] == "none" for row in rows)


MADE_BY_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS", "BROKER"}


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
    command = ["make", "--dry-run", "--no-print-directory", "demo", *shlex.split(written)]
    # `make test` passes its own options to the make that a test starts.
    given = {name: value for name, value in os.environ.items() if name not in MADE_BY_MAKE}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=True)
    assert " ".join(done.stdout.splitlines()[-1].split()).endswith(does)
