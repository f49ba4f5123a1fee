"""The longest test files begin first."""

import pytest

from tests.support.longest_files import LONGEST, ROOT


@pytest.mark.parametrize("name", LONGEST)
def test_a_file_that_begins_first_exists(name: str) -> None:
    assert (ROOT / name).is_file()


def test_the_tests_of_this_run_are_in_that_order(request: pytest.FixtureRequest) -> None:
    files = list(dict.fromkeys(item.path for item in request.session.items))
    ranked = [rank for file in files for rank, name in enumerate(LONGEST) if file == ROOT / name]
    assert ranked == sorted(ranked)
    assert [file for file in files if file.relative_to(ROOT).as_posix() in LONGEST] == files[: len(ranked)]
