"""The option ``--window``, and what is said of a window that is longer than the data."""

from datetime import datetime

import typer

from models.segment_model import WINDOWS
from models.window_text import last_days
from runtime.counts import many
from segue.cli import options
from segue.cli.console import messages


def window(text: str | int) -> int:
    """Parse a window such as ``365d``: whole days."""
    if isinstance(text, int):
        return text
    days, rest = divmod(options.duration(text).total_seconds(), 86_400)
    shortest, longest = WINDOWS
    if rest or not shortest <= days <= longest:
        raise typer.BadParameter(f"give whole days from {shortest}d to {longest}d, such as 365d")
    return int(days)


def mention_if_everything_counts(window_days: int | None, first: datetime, as_of: datetime) -> None:
    """Say so if a window is longer than the data, which is no mistake, but has no effect yet."""
    if window_days is None or (as_of - first).days >= window_days:
        return
    messages.print(
        f"The data begins {many((as_of - first).days, 'day')} before {as_of:%Y-%m-%d}, so everything is in "
        f"{last_days(window_days)}: no customer is Inactive yet.",
        soft_wrap=True,
    )
