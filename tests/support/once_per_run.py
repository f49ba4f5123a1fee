"""A value that is expensive to make, made once for all worker processes of a test run."""

import fcntl
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def once_per_run(factory: pytest.TempPathFactory, name: str, make: Callable[[], T]) -> T:
    """Make a value in the first worker process that asks for it; the other workers wait, and read it from a file."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return make()
    folder = shared_folder(factory)
    file, unfinished = folder / f"{name}.pickle", folder / f"{name}.unfinished"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            unfinished.write_bytes(pickle.dumps(make()))
            unfinished.rename(file)
    value: T = pickle.loads(file.read_bytes())  # noqa: S301 - written by this run
    return value


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder that all worker processes of a test run have in common."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
