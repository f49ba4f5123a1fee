"""What a replay is to send: a section of a dataset, once or again and again, with or without chaos.

A dry run shows the plan, and a replay sends it. The plan is pure but for the question what of a period has come.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from data.datasets.dataset import Dataset
from producers.chaos import Injection
from producers.periods import Lap, lap
from producers.records import ReplayRecord, SectionPeriod, records
from producers.section import Section

Rest = Callable[[Lap], Section]


def _everything(each: Lap) -> Section:
    return each.section


@dataclass(frozen=True)
class ReplayPlan:
    """The records of a replay.

    Parameters
    ----------
    injection
        The chaos, if there is any.
    loop
        Whether the section is sent again and again, each time as a new period.
    latest
        A period that ends later (micros) is not sent: workers would refuse its records.
    rest
        What of a period is to be sent; by default all of it.
    """

    dataset: Dataset
    section: Section
    injection: Injection | None = None
    loop: bool = False
    latest: int | None = None
    rest: Rest = _everything

    def first(self) -> Section | None:
        """The first section with something to send; None if nothing is left to send."""
        return next((section for section, _ in self._sections()), None)

    def records(self) -> Iterator[ReplayRecord]:
        """All records, in the order in which they are sent; without an end if the plan loops without ``latest``."""
        for section, period in self._sections():
            planned = records(self.dataset, section, period)
            yield from planned if self.injection is None else self.injection.into(planned, section.event_end)

    def _sections(self) -> Iterator[tuple[Section, SectionPeriod]]:
        for number in count(1) if self.loop else (1,):
            each = lap(self.section, number)
            if number > 1 and self.latest is not None and each.section.event_end > self.latest:
                return
            section = self.rest(each)
            if not section.is_empty:
                yield section, each.period
