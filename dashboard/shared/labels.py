"""Labels of the codes in the database, and of periods of time."""

from collections.abc import Iterable
from typing import NamedTuple

DAY, WEEK = 1, 7


class CauseText(NamedTuple):
    """Why a customer moved: a short phrase for tables, and a sentence for tooltips."""

    phrase: str
    sentence: str


# In the order of the page: the causes that need no transaction come first.
CAUSES = {
    "decay": CauseText("time alone", "They had not bought for long enough."),
    "expiry": CauseText("left the window", "An order or a return became too old to count."),
    "purchase": CauseText("bought", "A purchase moved them."),
    "return": CauseText("returned", "Returned goods lowered their spend."),
    "model": CauseText("new model", "A new segment model was activated."),
    "revision": CauseText("edited order", "An order was edited or cancelled."),
    "first_purchase": CauseText("first purchase", "They bought for the first time."),
    "first_model": CauseText("first model", "They bought before there was a model; the first one gave them a segment."),
}

#: The causes that need no transaction: an expiry is a matter of time alone, too.
BY_TIME = ("decay", "expiry")


class LivePeriod(NamedTuple):
    """A period of event days that ends today; ``days`` is None for all of history."""

    days: int | None
    label: str

    @property
    def phrase(self) -> str:
        """The period within a sentence."""
        return "since the beginning" if self.days is None else f"in the last {self.days} event days"

    @property
    def bin_days(self) -> int:
        """How many days one bar of a chart over this period covers."""
        return DAY if self.days is not None and self.days <= 90 else WEEK


PERIODS = {
    "7": LivePeriod(7, "7 days"),
    "30": LivePeriod(30, "30 days"),
    "90": LivePeriod(90, "90 days"),
    "365": LivePeriod(365, "1 year"),
    "all": LivePeriod(None, "All"),
}
DEFAULT_PERIOD = "30"


def cause(code: str) -> CauseText:
    """The text about a cause; an unknown code is its own phrase."""
    return CAUSES.get(code) or CauseText(code.replace("_", " "), "")


def in_order(codes: Iterable[str]) -> list[str]:
    """The distinct causes in the order of the page; unknown ones come last."""
    present = {*codes}
    return [code for code in CAUSES if code in present] + sorted(present - {*CAUSES})
