"""A section again and again: each time as a new period, with other transaction ids and later times. Pure."""

from dataclasses import dataclass, replace

from models.units import MICROS_PER_DAY
from producers.records import SectionPeriod
from producers.section import Section

#: The longest transaction id that leaves room for the number of a period.
LONGEST_ID = 56


@dataclass(frozen=True, slots=True)
class Lap:
    """A period, and the section in its times."""

    period: SectionPeriod
    section: Section


def lap(section: Section, number: int) -> Lap:
    """The section in its ``number``-th period, from 1.

    A period is a whole number of days longer than zero, so that the time of day stays. Each begins on the day after the
    last one's end, and covers the night between, so that ticks come at all midnights and none goes back.
    """
    days = section.event_end // MICROS_PER_DAY - section.event_start // MICROS_PER_DAY + 1
    shift = (number - 1) * days * MICROS_PER_DAY
    start, end = section.event_start + shift, section.event_end + shift
    if number > 1:
        start = section.event_end + shift - days * MICROS_PER_DAY
    return Lap(SectionPeriod(number, shift), replace(section, event_start=start, event_end=end))
