"""The order of the test files: those that wait and those that compute take turns, so that no core is idle.

Files of some folders wait for Postgres or other processes most of the time; any other file keeps a core busy. Each kind
begins with its longest files: one that began last would leave the other cores idle.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Seconds of the files that take half a minute or more, on 2 cores with three other files at the same time.
SECONDS: Mapping[str, int] = {
    "tests/e2e/kafka/test_log_faults.py": 300,
    "tests/e2e/test_login_in_a_browser.py": 280,
    "tests/e2e/kafka/test_faults.py": 200,
    "tests/e2e/test_webhooks.py": 130,
    "tests/e2e/kafka/test_benchmark.py": 110,
    "tests/e2e/kafka/test_upgrade.py": 110,
    "tests/e2e/test_every_page_in_a_browser.py": 110,
    "tests/e2e/test_subscriber_programs.py": 100,
    "tests/e2e/kafka/test_live_shop.py": 95,
    "tests/e2e/test_stuck.py": 95,
    "tests/e2e/test_nothing_is_lost_or_counted_twice.py": 90,
    "tests/e2e/test_documented_commands.py": 75,
    "tests/e2e/test_production_page.py": 75,
    "tests/e2e/kafka/test_storm.py": 65,
    "tests/e2e/test_risk_webhooks.py": 65,
    "tests/e2e/kafka/test_simulated_log.py": 60,
    "tests/e2e/test_subscribers.py": 60,
    "tests/e2e/kafka/test_late_end_of_a_transaction.py": 50,
    "tests/e2e/kafka/test_restored_postgres.py": 50,
    "tests/e2e/test_any_shop.py": 50,
    "tests/e2e/test_ingest.py": 50,
    "tests/e2e/kafka/test_many_workers.py": 40,
    "tests/e2e/kafka/test_three_nodes.py": 40,
    "tests/e2e/test_doctor.py": 40,
    "tests/e2e/test_drift.py": 40,
    "tests/e2e/test_model_activation.py": 40,
    "tests/e2e/test_operations_in_a_browser.py": 40,
    "tests/e2e/test_other_clients.py": 40,
    "tests/e2e/test_replay_outcome.py": 40,
    "tests/e2e/kafka/test_kills.py": 30,
    "tests/e2e/kafka/test_log_faults_in_a_storm.py": 30,
    "tests/e2e/test_a_marketer_follows_customers.py": 30,
    "tests/e2e/test_dashboard_in_a_browser.py": 30,
    "tests/e2e/test_demo.py": 30,
    "tests/e2e/test_hostile_texts_in_a_browser.py": 30,
    "tests/e2e/test_oauth_kafka.py": 30,
    "tests/e2e/test_other_currencies_in_a_browser.py": 30,
    "tests/e2e/test_report_in_a_browser.py": 30,
    "tests/e2e/test_secured_kafka.py": 30,
    "tests/unit/models/drift/test_predictions.py": 80,
    "tests/unit/data/datasets/test_load_laws.py": 80,
    "tests/unit/segue/cli/test_bad_arguments.py": 80,
    "tests/integration/stream_app/test_alerts.py": 50,
    "tests/integration/dashboard/test_query_plans.py": 30,
    "tests/integration/segue/cli/test_bad_arguments_with_a_database.py": 30,
    "tests/integration/data/datasets/test_fetch.py": 30,
    "tests/integration/data/postgres/test_roles.py": 30,
    "tests/integration/services/drift/test_observer.py": 30,
    "tests/integration/sim/test_histories.py": 30,
    "tests/unit/stream_app/core/test_purity.py": 30,
}
_WAITING = ("tests/e2e/", "tests/integration/segue/", "tests/integration/stream_app/")
#: Of any other file.
_SECONDS_WAITING, _SECONDS_COMPUTING = 15, 4


def taking_turns(items: list[pytest.Item]) -> None:
    """Put the tests into the order of their files; the tests of a file stay together and in their order."""
    names = {path: _name(path) for path in {item.path for item in items}}
    places = {name: place for place, name in enumerate(file_order(names.values()))}
    items.sort(key=lambda item: places[names[item.path]])


def file_order(names: Iterable[str]) -> list[str]:
    """The files in the order in which they begin; names are relative to the repository."""
    files = list(names)
    waiting = [name for name in files if name.startswith(_WAITING)]
    computing = [name for name in files if not name.startswith(_WAITING)]
    return [name for _, name in sorted([*_places(waiting), *_places(computing)])]


def _places(names: list[str]) -> Iterator[tuple[float, str]]:
    """Each file, the longest first, and the share of the seconds of all of them that is before it."""
    ordered = sorted(names, key=lambda name: (-_seconds(name), name))
    total, before = sum(map(_seconds, ordered)), 0
    for name in ordered:
        yield before / total, name
        before += _seconds(name)


def _seconds(name: str) -> int:
    return SECONDS.get(name, _SECONDS_WAITING if name.startswith(_WAITING) else _SECONDS_COMPUTING)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()
