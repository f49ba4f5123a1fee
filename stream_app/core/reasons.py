"""A decoder's reason in words that a person understands: no regular expressions, no names of types."""

import re

_MATCHING = re.compile(r"Expected `str` matching regex '(?:[^'\\\\]|\\\\.)*'")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_TYPE = re.compile(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`")
_PLACE = re.compile(r" - at `\$\.?([^`]*)`")
_MOMENTS = ("Invalid RFC3339 encoded datetime", "Expected `datetime` with a timezone component")
_AMOUNT = 'a decimal string such as "12.50"'
_TEXT = "a text of 1 to 64 characters without control characters"
_MOMENT = "a time with a timezone, such as 2026-03-01T10:00:00+01:00,"
_TYPES = {
    "array": "a list",
    "bool": "true or false",
    "datetime": "a time",
    "float": "a number",
    "int": "a number",
    "null": "nothing",
    "object": "an object",
    "str": "a text",
}


def in_words(reason: str) -> str:
    """A decoder's reason in plain words; any other text is returned as it is.

    Examples
    --------
    >>> in_words("Expected `str` matching regex '^[0-9]{1,9}$' - at `$.lines[0].price`")
    'a decimal string such as "12.50" is needed - at `lines[0].price`'
    >>> in_words("Object missing required field `amount`")
    'the field `amount` is missing'
    >>> in_words("Expected `str`, got `int` - at `$.amount`")
    'a text is needed, not a number - at `amount`'
    """
    pattern = _MATCHING.search(reason)
    if pattern is not None:
        needed = _AMOUNT if "[0-9]" in pattern[0] else _TEXT
        reason = f"{needed} is needed{reason[pattern.end() :]}"
    for moment in _MOMENTS:
        reason = reason.replace(moment, f"{_MOMENT} is needed")
    reason = _MISSING.sub(lambda field: f"the field `{field[1]}` is missing", reason)
    reason = _TYPE.sub(lambda kinds: f"{_kind(kinds[1])} is needed, not {_kind(kinds[2])}", reason)
    return _PLACE.sub(lambda place: f" - at `{place[1]}`" if place[1] else "", reason)


def _kind(name: str) -> str:
    return _TYPES.get(name, name)
