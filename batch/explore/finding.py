"""A finding: data, a figure or table that shows it, and a summary in one or two sentences."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go


@dataclass(frozen=True)
class Finding:
    """One result of the exploration.

    Parameters
    ----------
    id
        A short name, unique in a report.
    finding
        The result in words, computed from the data.
    data
        The frame that the figure or table shows.
    figure
        None if the finding has a table.
    table
        Formatted cells; None if the finding has a figure.
    note
        How to read the figure or table, and what it leaves out.
    wide
        Whether the finding takes the full width of a page.
    """

    id: str
    title: str
    summary: str
    data: pd.DataFrame
    figure: go.Figure | None = None
    table: pd.DataFrame | None = None
    note: str = ""
    wide: bool = True


@dataclass(frozen=True)
class Chapter:
    """A group of findings under one heading."""

    title: str
    findings: tuple[Finding, ...]
