"""``--where`` and SEGUE_WEBHOOK_WHERE: a filter from what somebody wrote, and a warning where it can't match."""

from rich.markup import escape
from sqlalchemy.exc import DBAPIError

from data.postgres import model_registry
from data.postgres.database import engine
from runtime.settings import Settings
from segue.cli.console import fail, words
from services import filters
from services.filters import Filter, FilterError


def wanted(text: str | None, where: str, settings: Settings) -> Filter | None:
    """The filter that ``where`` holds; none where it holds nothing."""
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


def _warn_of_unknown(named: frozenset[str], where: str, settings: Settings) -> None:
    """Only warn: a model to come may have such a segment, and whoever reads the topic may have no Postgres."""
    try:
        personas = model_registry.personas(engine(settings.database))
    except DBAPIError:
        return
    known = {name.casefold() for segment in personas.items() for name in segment}
    unknown = sorted(name for name in named if name.casefold() not in known)
    if personas and unknown:
        words.print(
            f"{where}: no model has a segment {escape(', '.join(unknown))}; "
            f"there are {escape(', '.join(sorted(personas.values())))}",
            style="yellow",
        )
