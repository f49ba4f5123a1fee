"""A value that is made once per run is made by one worker process and read by the others."""

from uuid import uuid4

import pytest

from tests.support.once_per_run import once_per_run


def test_the_first_worker_makes_it_and_the_others_read_it(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return {"made": len(made)}

    name = f"once-{uuid4()}"
    assert [once_per_run(tmp_path_factory, name, make) for _ in range(3)] == [{"made": 1}] * 3
    monkeypatch.delenv("PYTEST_XDIST_WORKER")
    assert once_per_run(tmp_path_factory, name, make) == {"made": 2}
