"""Reading a file of alert rules."""

from collections.abc import Collection
from pathlib import Path

from services.alerts.rules import Rule, RuleError, parse_rules

_LONGEST = 1_000_000


def read_rules(path: Path, destinations: Collection[str] | None) -> tuple[Rule, ...]:
    """The rules of a file; None for ``destinations`` where their names are not known.

    Raises
    ------
    RuleError
        If the file can't be read or used; the message names it and says why.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            raise RuleError("too large for a file of rules")
        return parse_rules(text.decode(), destinations)
    except UnicodeDecodeError:
        raise RuleError(f"{path}: not a text in UTF-8") from None
    except RuleError as error:
        raise RuleError(f"{path}: {error}") from None
    except OSError as error:
        raise RuleError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise RuleError(f"{path}: not a name of a file") from None
