"""The base class of errors that a person can do something about, and hints at what the person can do.

Lower layers raise these errors without naming a command. The command line has a sentence for each hint.
"""

from enum import Enum, auto


class Hint(Enum):
    """What would help against an error."""

    START_A_STACK = auto()
    START_A_BROKER = auto()
    START_POSTGRES = auto()
    MIGRATE = auto()
    BE_AN_OPERATOR = auto()
    START_A_WORKER = auto()
    START_A_REPLAY = auto()
    FIT_A_MODEL = auto()
    LIST_MODELS = auto()
    LIST_AUDIENCES = auto()
    LIST_DEAD_LETTERS = auto()
    LIST_UNDELIVERED_CHANGES = auto()
    NAME_THE_LOG = auto()
    NAME_THE_WEBHOOK = auto()
    USE_A_FILE = auto()
    DOWNLOAD = auto()
    RAISE_THE_LIMIT = auto()
    STOP_THE_REPLAY = auto()
    LIST_CAMPAIGNS = auto()
    PUBLISH_CAMPAIGN = auto()
    SKIP_UNKNOWN = auto()
    LIST_KEYS = auto()
    KEEP_CHANGES = auto()
    EXPORT_A_MODEL = auto()
    OMIT_RANK_ORDER = auto()
    OVERWRITE = auto()
    SET_LINES_ASIDE = auto()
    SKIP_OTHER_CURRENCIES = auto()
    SET_THE_CURRENCY = auto()
    SET_THE_MASKED_URL = auto()


class SegueError(Exception):
    """An expected error: one line that says what is wrong, and a hint at what would help, if there is one.

    Parameters
    ----------
    message
        One line, without a period at its end.
    hint
        What would help.
    """

    def __init__(self, message: str, hint: Hint | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class NotFoundError(SegueError, LookupError):
    """What was asked for does not exist, or its name fits several things."""


def first_line(error: object) -> str:
    """The first line of an error's message, for a log or a person; the name of its type if it has none."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
