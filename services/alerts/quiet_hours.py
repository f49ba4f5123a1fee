"""The hours of a day in which nobody wants a message. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Self
from zoneinfo import ZoneInfo

_WRITTEN = re.compile(r"\s*(\d{1,2}):(\d\d)\s*(?:-|–|to)\s*(\d{1,2}):(\d\d)\s*")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the day until before another one, over midnight if the second is the earlier one."""

    begin: time
    end: time
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, zone: ZoneInfo) -> Self:
        """Quiet hours as they are written in a rule.

        Raises
        ------
        ValueError
            If they can't be read, or begin when they end.

        Examples
        --------
        >>> night = QuietHours.parse("20:00-08:00", ZoneInfo("UTC"))
        >>> night.begin, night.end
        (datetime.time(20, 0), datetime.time(8, 0))
        """
        found = _WRITTEN.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
        except ValueError:
            raise ValueError(f"`quiet` is two times such as 20:00-08:00, not `{text[:40]}`") from None
        if begin == end:
            raise ValueError("`quiet` begins when it ends")
        return cls(begin, end, zone)

    def includes(self, now: datetime) -> bool:
        """Whether a moment is in them."""
        local = now.astimezone(self.zone).time()
        if self.begin < self.end:
            return self.begin <= local < self.end
        return local >= self.begin or local < self.end
