"""The alert rules, and what the process that alerts remembers of each: both are files, and neither has an address."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runtime.errors import SegueError
from runtime.settings import Settings
from services.alerts.incidents import Incident
from services.alerts.rules import Rule, parse_rules
from services.alerts.state_file import read_incidents

#: Where `segue alerts` remembers incidents unless it is given another file.
STATE_NAME = "alerts.json"
_LONGEST = 1_000_000


class AlertsError(SegueError):
    """A file of rules that can't be shown; the message says why."""


@dataclass(frozen=True)
class Remembered:
    """The rules, and what is remembered of them.

    Parameters
    ----------
    incidents
        By rule and destination; None if there is no state file.
    changed_at
        When the file was last written, by the wall clock.
    """

    rules: tuple[Rule, ...]
    incidents: dict[str, dict[str, Incident]] | None
    changed_at: datetime | None


def read() -> Remembered | None:
    """What the settings name; None if they name no file of rules.

    Raises
    ------
    SegueError
        If a file can't be read or is something else.
    """
    settings = Settings()
    if settings.alert_rules is None:
        return None
    state = settings.state_dir / STATE_NAME
    incidents = read_incidents(state)
    changed_at = None if incidents is None else datetime.fromtimestamp(state.stat().st_mtime, UTC)
    return Remembered(_rules(settings.alert_rules), incidents, changed_at)


def _rules(path: Path) -> tuple[Rule, ...]:
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            raise AlertsError(f"{path}: too large for a file of rules")
        # The addresses are a secret of the process that sends, so their names are not known here.
        return parse_rules(text.decode(), None)
    except UnicodeDecodeError:
        raise AlertsError(f"{path}: not a text in UTF-8") from None
    except OSError as error:
        raise AlertsError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise AlertsError(f"{path}: {error}") from None
