"""The test files that take longest, which begin first: one that began last would leave the other cores idle."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Beginning with the longest; each takes more than a minute. All other files follow in the order of their names.
LONGEST = (
    "tests/e2e/kafka/test_log_faults.py",
    "tests/e2e/kafka/test_faults.py",
    "tests/e2e/test_every_page_in_a_browser.py",
    "tests/e2e/kafka/test_storm.py",
    "tests/e2e/kafka/test_live_shop.py",
    "tests/e2e/test_any_shop.py",
    "tests/e2e/kafka/test_kills.py",
    "tests/e2e/kafka/test_three_nodes.py",
    "tests/e2e/test_webhooks.py",
    "tests/e2e/test_production_page.py",
    "tests/e2e/test_nothing_is_lost_or_counted_twice.py",
    "tests/e2e/test_subscriber_programs.py",
    "tests/e2e/kafka/test_restored_postgres.py",
    "tests/e2e/test_documented_commands.py",
    "tests/e2e/kafka/test_benchmark.py",
    "tests/e2e/kafka/test_upgrade.py",
    "tests/e2e/test_drift.py",
    "tests/e2e/test_login_in_a_browser.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_operations_in_a_browser.py",
    "tests/unit/segue/cli/test_bad_arguments.py",
    "tests/integration/segue/cli/test_bad_arguments_with_a_database.py",
    "tests/integration/batch/test_reconcile_history.py",
    "tests/integration/dashboard/test_page_states.py",
)
_RANKS = {ROOT / name: rank for rank, name in enumerate(LONGEST)}


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first; the tests of a file stay together and in their order."""
    items.sort(key=lambda item: _RANKS.get(item.path, len(_RANKS)))
