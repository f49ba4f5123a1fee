"""Sections of a dataset by the numbers of their transactions."""

from data.datasets.dataset import Dataset
from producers.replay import Section, occurred_at


def section(dataset: Dataset, start: int, stop: int) -> Section:
    """The transactions from number ``start`` to before number ``stop``."""
    moments = occurred_at(dataset)
    return Section(start, stop, int(moments[start]), int(moments[stop - 1]))
