"""``--where`` and SEGUE_WEBHOOK_WHERE: parses a filter, and warns if it can't match."""

from rich.markup import escape
from sqlalchemy.exc import DBAPIError

from data.postgres import model_registry
from runtime.errors import SegueError
from runtime.settings import Settings
from segue.cli.console import fail, messages
from segue.cli.postgres import connect
from services import filters, risk_filters
from services.filter_language import FilterError
from services.filters import Filter
from services.risk_filters import RiskFilter


def parse_filter(text: str | None, where: str, settings: Settings) -> Filter | None:
    """Return the filter that ``text`` describes, or None without text; an error names ``where`` the text comes from."""
    if text is None:
        return None
    try:
        chosen = filters.parse(text)
        named = filters.segments(text)
    except FilterError as error:
        fail(f"{where}: {error}")
    if named:
        _warn_of_unknown(named, where, settings)
    return chosen


def parse_risk_filter(text: str | None, where: str) -> RiskFilter | None:
    """The same for a filter of risk changes. No model decides which risk states there are."""
    if text is None:
        return None
    try:
        return risk_filters.parse(text)
    except FilterError as error:
        fail(f"{where}: {error}")


def _warn_of_unknown(named: frozenset[str], where: str, settings: Settings) -> None:
    """Warn of segments that no model has: only a warning, because a later model may have them.

    Reading the topic needs no Postgres: without a connection there is no check.
    """
    try:
        personas = model_registry.personas(connect(settings))
    except (DBAPIError, SegueError):
        return
    known = {name.casefold() for segment in personas.items() for name in segment}
    unknown = sorted(name for name in named if name.casefold() not in known)
    if personas and unknown:
        messages.print(
            f"{where}: no model has a segment {escape(', '.join(unknown))}; "
            f"the segments are {escape(', '.join(sorted(personas.values())))}",
            style="yellow",
        )
