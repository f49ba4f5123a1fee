"""A section of a dataset: the transactions that a replay sends, and the event time that they cover. Pure."""

from dataclasses import dataclass, replace

import numpy as np

from data.datasets.dataset import Dataset
from models.units import Ints
from producers.dataset_contents import occurred_at


@dataclass(frozen=True, slots=True)
class Section:
    """Transactions number ``start`` up to ``stop`` of a dataset, and the event time (micros) that they cover.

    ``skip`` has one byte for each transaction of the dataset, which is not 0 if the transaction is not sent; it is
    empty if all are sent. Likewise, ``known`` says which transactions the ledger has.
    """

    start: int
    stop: int
    event_start: int
    event_end: int
    skip: bytes = b""
    known: bytes = b""

    @property
    def count(self) -> int:
        """How many transactions are sent."""
        return self.skip.count(0, self.start, self.stop) if self.skip else self.stop - self.start

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a transaction nor a tick to send."""
        return not self.count and self.event_start >= self.event_end

    def sends(self, number: int) -> bool:
        """Whether a transaction of the section is sent."""
        return not (self.skip and self.skip[number])

    def is_known(self, number: int) -> bool:
        """Whether the ledger has a transaction of the section."""
        return bool(self.known and self.known[number])


def whole(dataset: Dataset) -> Section:
    """The section that covers a whole dataset."""
    moments = occurred_at(dataset)
    return Section(0, len(moments), int(moments[0]), int(moments[-1]))


def split(section: Section, dataset: Dataset, at: int) -> tuple[Section, Section]:
    """The parts of a section before and from a moment of event time (micros); either part may be empty.

    A transaction that is sent although its moment is before ``event_start`` belongs to the first part.
    """
    middle = min(max(_number(occurred_at(dataset), at), section.start), section.stop)
    at = min(max(at, section.event_start), section.event_end)
    return replace(section, stop=middle, event_end=at), replace(section, start=middle, event_start=at)


def between(dataset: Dataset, since: int | None, until: int | None) -> Section:
    """The transactions from ``since`` on and before ``until``, in micros of event time; None means without a limit.

    The section covers the event time from ``since``, or the first transaction, until ``until``, or the last one.
    """
    section = whole(dataset)
    if until is not None:
        section, _ = split(section, dataset, until)
    if since is not None:
        _, section = split(section, dataset, since)
    return section


def missing(section: Section, skip: bytes, watermark: int | None) -> Section:
    """What remains of a section whose other transactions have come.

    Parameters
    ----------
    skip
        One byte for each transaction of the dataset; not 0 if it has come.
    watermark
        The stream's watermark (micros); None before the first tick. Event time continues from it, so a missing
        transaction from before it is sent at once.
    """
    first = skip.find(0, section.start, section.stop)
    start = section.stop if first < 0 else first
    event_start = section.event_start if watermark is None else max(section.event_start, watermark)
    return replace(section, start=start, event_start=event_start, skip=skip)


def _number(moments: Ints, at: int) -> int:
    return int(np.searchsorted(moments, at))
