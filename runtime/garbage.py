"""How often Python looks for garbage, for a program that makes many objects which it drops without cycles."""

import gc

#: New objects between two looks; Python has 700.
_NEW_OBJECTS = 50_000


def collect_rarely() -> None:
    """Look for garbage once in a few micro-batches.

    A micro-batch makes some ten thousand rows and events. None is in a cycle, so all of them go as soon as they are
    published. A look before that finds nothing. With risk changes, such looks take a sixth of the worker's CPU.
    """
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
