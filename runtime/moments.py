"""How people and programs write a moment."""

from datetime import UTC, datetime


def parse_moment(text: str) -> datetime:
    """A day, which is its first moment, or a moment in any form that Segue prints; without a time zone it is UTC.

    >>> parse_moment("2010-12-01 08:26 UTC").isoformat()
    '2010-12-01T08:26:00+00:00'

    Raises
    ------
    ValueError
        If the text is neither; the message is one line that says what is possible.
    """
    try:
        found = datetime.fromisoformat(text.strip().removesuffix("UTC").strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        raise ValueError(
            f"{shown!r} is not a moment: write 2010-12-01, 2010-12-01 08:26 or 2010-12-01T08:26:00+00:00"
        ) from None
