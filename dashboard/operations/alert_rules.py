"""The alert rules, and what the process that alerts remembers of each: both are files, and neither has an address."""

from dataclasses import dataclass
from datetime import UTC, datetime

from runtime.settings import Settings
from services.alerts.incidents import Incident
from services.alerts.rules import Rule
from services.alerts.rules_file import read_rules
from services.alerts.state_file import STATE_NAME, read_incidents


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
    # The addresses are a secret of the process that sends, so their names are not known here.
    rules = read_rules(settings.alert_rules, None)
    state = settings.state_dir / STATE_NAME
    incidents = read_incidents(state)
    changed_at = None if incidents is None else datetime.fromtimestamp(state.stat().st_mtime, UTC)
    return Remembered(rules, incidents, changed_at)
