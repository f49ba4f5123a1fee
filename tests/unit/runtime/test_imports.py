"""What is imported is not looked through for garbage, and everything later is."""

import gc

import pytest

from runtime.imports import without_collection


def test_garbage_is_looked_for_again_after_the_imports() -> None:
    with without_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_import_that_fails_leaves_the_collector_on() -> None:
    with pytest.raises(ImportError), without_collection():
        raise ImportError("no such module")
    assert gc.isenabled()


def test_what_was_imported_is_not_looked_through() -> None:
    gc.unfreeze()
    with without_collection():
        pass
    assert gc.get_freeze_count() > 0
