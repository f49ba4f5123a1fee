"""The numbers of schema versions agree wherever they are."""

from data.postgres.database import newest_revision
from data.postgres.schema_versions import SCHEMA_VERSION
from tests.support import old_workers


def test_workers_announce_the_number_of_the_newest_migration() -> None:
    assert int(newest_revision()) == SCHEMA_VERSION


def test_the_workers_of_the_last_two_schema_versions_are_stored_for_the_test_of_upgrades() -> None:
    assert old_workers.versions() == [SCHEMA_VERSION - 2, SCHEMA_VERSION - 1]
