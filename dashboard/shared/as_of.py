"""The event time that a page is drawn at."""

from datetime import datetime

from dashboard.shared.page import Moment


def event_time(moment: Moment) -> datetime:
    """The moment's event time.

    Raises
    ------
    ValueError
        If nothing has been streamed, and so no page should have been drawn.
    """
    if moment.progress.event_time is None:
        raise ValueError("a page is only drawn at an event time")
    return moment.progress.event_time
