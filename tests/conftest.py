"""Hypothesis profiles: ``fast`` in ``make test-fast``, ``standard`` otherwise, and ``thorough`` where one asks for it.

Also for processes that tests start: no test crashes the machine, so no Postgres server has to wait for the disk; and
all new data folders of Postgres are the same, so they are copies of the first one.
"""

import gc
import os
import sys
from collections.abc import Generator

import pytest
from hypothesis import settings

from runtime.garbage import collect_rarely
from segue.local.postgres import KEPT_VARIABLE, SYNC_VARIABLE
from tests.support.examples import THOROUGH
from tests.support.file_order import taking_turns
from tests.support.once_per_run import shared_folder

# The time that an example takes says more about the machine than about the code: no deadlines. Each run tries other
# examples, so a few runs try as many as one thorough run; where CI is set, Hypothesis would try the same ones again.
for name, tried in (("fast", THOROUGH // 10), ("standard", THOROUGH // 3), ("thorough", THOROUGH)):
    settings.register_profile(name, deadline=None, derandomize=False, max_examples=tried)
# ``--hypothesis-profile`` is read later than this file, and wins.
settings.load_profile("standard")

os.environ.setdefault(SYNC_VARIABLE, "off")
_MAIN = sys.modules["__main__"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``--no-loadscope-reorder``, the processes of a run take the files in this order.

    Last, when ``-m`` and ``-k`` have left out what they leave out.
    """
    taking_turns(items)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are collected, nor later among what is imported: almost all of it stays.

    Among what tests make, look as rarely as a worker does.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        collect_rarely()


@pytest.fixture(autouse=True)
def _own_main_module() -> None:
    """Pages that a test has run leave themselves as the main module, which processes started later would import."""
    sys.modules["__main__"] = _MAIN


@pytest.fixture(scope="session", autouse=True)
def _kept_postgres(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the data folder that others copy is kept."""
    os.environ[KEPT_VARIABLE] = str(shared_folder(tmp_path_factory) / "new-postgres")
