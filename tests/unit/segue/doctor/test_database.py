import pytest

from segue.doctor import database


@pytest.mark.parametrize(("number", "level"), [(160_004, "problem"), (170_000, "ok"), (180_002, "ok")])
def test_postgres_must_be_new_enough(number: int, level: str) -> None:
    assert database.version(number).level == level


@pytest.mark.parametrize(
    ("current", "level", "advice"),
    [
        ("0008", "ok", ""),
        (None, "problem", "segue migrate"),
        ("0007", "problem", "segue migrate"),
        ("0009", "problem", "newer one"),
    ],
)
def test_the_schema_must_be_that_of_this_version(current: str | None, level: str, advice: str) -> None:
    found = database.schema(current, "0008")
    assert found.level == level
    assert advice in found.advice


def test_roles_must_exist_and_have_their_rights() -> None:
    assert database.roles([], []).level == "ok"
    assert database.roles(["segue_worker"], []).text == "missing: segue_worker"
    assert database.roles([], ["a", "b", "c", "d", "e"]).text == "lacking: a, b, c and 2 more"


def test_rights_that_everyone_has_are_a_warning() -> None:
    assert database.public_rights([]).level == "ok"
    found = database.public_rights(["REVOKE x"])
    assert (found.level, "REVOKE x" in found.advice) == ("warning", True)


def test_an_upgrade_that_is_not_finished_is_a_warning_with_the_partitions_that_are_left() -> None:
    assert database.workers({}, 18).level == "ok"
    assert database.workers({0: 18, 1: 19}, 18).level == "ok"
    found = database.workers({0: 18, 1: 17, 2: 0}, 18)
    assert found.level == "warning"
    assert found.text == "partitions 1, 2 have workers of an older schema version (unknown, 17)"
