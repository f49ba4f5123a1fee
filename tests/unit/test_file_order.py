"""Files that wait and files that compute take turns."""

from itertools import accumulate

import pytest

from tests.support.file_order import ROOT, SECONDS, file_order

WAITING = [
    f"tests/{folder}/test_{number}.py" for folder in ("e2e", "integration/stream_app/storage") for number in range(15)
]
COMPUTING = [f"tests/unit/test_{number}.py" for number in range(300)]


@pytest.mark.parametrize("name", SECONDS)
def test_a_file_with_a_known_time_exists(name: str) -> None:
    assert (ROOT / name).is_file()


def test_each_kind_is_spread_over_the_whole_run() -> None:
    order = file_order([*COMPUTING, *WAITING])
    assert sorted(order) == sorted([*COMPUTING, *WAITING])
    waiting = [*accumulate(name in WAITING for name in order)]
    shares = [count - place * len(WAITING) / len(order) for place, count in enumerate(waiting)]
    assert max(map(abs, shares)) < 2


def test_of_each_kind_the_longest_files_begin() -> None:
    order = file_order(reversed([*COMPUTING, *SECONDS]))
    for folder in ("tests/e2e/", "tests/unit/"):
        seconds = [SECONDS.get(name, 0) for name in order if name.startswith(folder)]
        assert seconds == sorted(seconds, reverse=True)


def test_the_tests_of_this_run_are_in_that_order(request: pytest.FixtureRequest) -> None:
    names = list(dict.fromkeys(item.path.relative_to(ROOT).as_posix() for item in request.session.items))
    assert names == file_order(names)
