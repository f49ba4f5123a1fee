"""The ``SEGUE_`` variables of the environment: which ones are settings, and which are probably typing errors."""

import difflib
from collections.abc import Collection, Iterable

PREFIX = "SEGUE_"
TEST_PREFIX = "SEGUE_TEST_"
"""Variables of the test suite begin with this."""
DEBUG = "SEGUE_DEBUG"
"""If this is set, an unexpected error shows where it happened."""
# docker-compose.yml and the notebook read these, and a shell may have exported them.
_OF_OTHERS = ("POSTGRES_PASSWORD", "DATASET_DIR", "DATASET_FILE", "REPLAY_SPEED", "NOTEBOOK_DATASET")
_ALIKE = 0.75


def known_variables(settings: Iterable[str], secrets: Iterable[str]) -> set[str]:
    """Return the names of all variables that have a meaning.

    Parameters
    ----------
    settings, secrets
        The names of all settings, and of those that may also be in a file.
    """
    own = {PREFIX + name.upper() for name in settings}
    files = {f"{PREFIX}{name.upper()}_FILE" for name in secrets}
    return own | files | {PREFIX + name for name in _OF_OTHERS} | {DEBUG}


def unknown_variables(variables: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the ``SEGUE_`` variables without a meaning, sorted; those of the test suite are left out.

    Settings are read without regard to case.

    >>> unknown_variables(["HOME", "SEGUE_CURENCY", "SEGUE_TEST_SHOTS"], {"SEGUE_CURRENCY"})
    ['SEGUE_CURENCY']
    """
    ours = (name for name in variables if name.upper().startswith(PREFIX))
    return sorted(name for name in ours if name.upper() not in known and not name.upper().startswith(TEST_PREFIX))


def nearest(variable: str, known: Collection[str]) -> str | None:
    """Return the known variable that is spelled most like another one; None if none is like it.

    >>> nearest("SEGUE_CURENCY", {"SEGUE_CURRENCY", "SEGUE_LOG_ID"})
    'SEGUE_CURRENCY'
    """
    # The prefix, which all have in common, must not make unlike names alike.
    shorts = {name.removeprefix(PREFIX): name for name in sorted(known)}
    found = difflib.get_close_matches(variable.upper().removeprefix(PREFIX), shorts, 1, _ALIKE)
    return shorts[found[0]] if found else None
