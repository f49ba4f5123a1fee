"""An exhibit: the numbers, the figure or table that shows them, and the one sentence that they say."""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go


@dataclass(frozen=True)
class Exhibit:
    """One thing to look at.

    Parameters
    ----------
    id
        A short name; unique in a report.
    finding
        What the data say, computed from them.
    data
        The small frame that is shown.
    figure
        How it looks; ``None`` for a table.
    table
        Formatted cells, if it is to be read as a table.
    note
        How to read it, and what it leaves out.
    wide
        Whether it needs the whole width of a page.
    """

    id: str
    title: str
    finding: str
    data: pd.DataFrame
    figure: go.Figure | None = None
    table: pd.DataFrame | None = None
    note: str = ""
    wide: bool = True


@dataclass(frozen=True)
class Chapter:
    """Exhibits that belong together."""

    title: str
    exhibits: tuple[Exhibit, ...]
