"""Imports without the garbage collector, for programs that import much and then run."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Look for no garbage while the block imports, nor later among what it has imported.

    Imports make some hundred thousand objects that stay, and hardly any garbage. Looking for it takes a third of the
    time in which the ``segue`` command starts.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
