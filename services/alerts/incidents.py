"""When a rule leads to a message: once when its measure exceeds the limit, and once when that is over. Pure.

An incident is the time in which a measure is above its limit. It begins at once and ends when the measure has not been
above the limit for :data:`CALM`, so a measure that goes to and fro around its limit is one incident. Its two messages
wait until the quiet hours are over; if the incident ends before its first message, there is none at all.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

#: How long a measure must not be above its limit until an incident ends.
CALM = timedelta(minutes=10)
#: How long a measure may be unknown until that is an incident.
UNKNOWN = timedelta(minutes=5)

Message = Literal["begun", "over", "unknown", "known"]


@dataclass(frozen=True, slots=True)
class Incident:
    """What is remembered of a rule between two looks; moments are of the wall clock.

    Parameters
    ----------
    since
        When the incident began; None if there is none.
    reported
        Whether somebody has been written to about it.
    calm_since
        Since when the measure has not been above the limit, within an incident.
    unknown_since, unknown_reported
        The same about a measure that can't be found out.
    """

    since: datetime | None = None
    reported: bool = False
    calm_since: datetime | None = None
    unknown_since: datetime | None = None
    unknown_reported: bool = False


def looked(incident: Incident, above: bool | None, now: datetime) -> Incident:
    """The incident after a look at the measure, before any message.

    Parameters
    ----------
    above
        Whether the measure is above its limit; None if it is unknown.
    """
    if above is None:
        return replace(incident, unknown_since=incident.unknown_since or now)
    if incident.unknown_since is not None and not incident.unknown_reported:
        incident = replace(incident, unknown_since=None)
    if above:
        return replace(incident, since=incident.since or now, calm_since=None)
    if incident.since is None:
        return incident
    return replace(incident, calm_since=incident.calm_since or now)


def due(incident: Incident, known: bool, quiet: bool, now: datetime) -> tuple[Message | None, Incident]:
    """The message that is to be sent now, if there is one, and the incident after it was.

    Parameters
    ----------
    known
        Whether the last look has found the measure.
    quiet
        Whether no message may be sent now.
    """
    over = incident.calm_since is not None and now - incident.calm_since >= CALM
    if over and not incident.reported:
        incident, over = replace(incident, since=None, calm_since=None), False
    if quiet:
        return None, incident
    if not known:
        late = incident.unknown_since is not None and now - incident.unknown_since >= UNKNOWN
        if late and not incident.unknown_reported:
            return "unknown", replace(incident, unknown_reported=True)
        return None, incident
    if incident.unknown_reported:
        return "known", replace(incident, unknown_since=None, unknown_reported=False)
    if over:
        return "over", replace(incident, since=None, reported=False, calm_since=None)
    if incident.since is not None and not incident.reported and incident.calm_since is None:
        return "begun", replace(incident, reported=True)
    return None, incident
