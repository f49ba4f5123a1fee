"""The text of an audience's definition: ``segment = champions, loyal and risk = overdue and net_spend >= 500``.

::

    definition = "everyone" | filter { "and" filter }
    filter     = FIELD "=" VALUE { "," VALUE } | FIELD (">=" | "<=") NUMBER

A value is in double quotes, in which a quotation mark is written twice, or has no comma, no sign of comparison and no
quotation mark, and no word "and". ``since`` is a day such as 2011-06-01, or a number of days such as 30d.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from models.audience import ANY, AudienceDefinition, AudienceError, Range
from models.rhythm.risk import RISK_STATES

EVERYONE = "everyone"
LONGEST = 4_000
MOST_DAYS = 36_500
_TOKEN = re.compile(r"\s*(?:(?P<sign>>=|<=|=|<|>|,)|\"(?P<quoted>(?:[^\"]|\"\")*)\"|(?P<bare>[^\s,\"=<>]+))")
_BARE = re.compile(r"[\w.+-]+(?: [\w.+-]+)*")
_AND = re.compile(r"\band\b", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,4})?")
_DAYS = re.compile(r"([0-9]{1,6})\s*d(?:ays?)?", re.IGNORECASE)


class _Field(NamedTuple):
    """How a filter is called in the text and in the definition, what parses a value, and whether it is a range."""

    name: str
    attribute: str
    parse: Callable[[str], Any]
    is_range: bool = False


class _Token(NamedTuple):
    """A sign, or a part of a value."""

    text: str
    kind: str


def parse(text: str) -> AudienceDefinition:
    """Parse a definition; names of segments are not looked at (:func:`models.audience.with_known_segments`).

    Raises
    ------
    AudienceError
        If the text is no definition.
    """
    _check_length(text)
    if text.strip().lower() == EVERYONE:
        return AudienceDefinition()
    found: dict[str, Any] = {}
    for part in _parts(_tokens(text)):
        _add(found, part)
    return checked(AudienceDefinition(**found))


def checked(definition: AudienceDefinition) -> AudienceDefinition:
    """The same definition, if its filters make sense together.

    Raises
    ------
    AudienceError
        If a range is empty, or ``since`` has no change to refer to.
    """
    for field in FIELDS:
        if field.is_range:
            least, most = getattr(definition, field.attribute)
            if least is not None and most is not None and least > most:
                raise AudienceError(f"no number is in the range of `{field.name}`: {least} is more than {most}")
    if definition.since is not None and not definition.asks_for_moves:
        raise AudienceError("`since` says when a customer moved: add moved_from or moved_to")
    return definition


def to_text(definition: AudienceDefinition) -> str:
    """The text of a definition, always the same for equal ones; :func:`parse` reads it back.

    >>> to_text(parse('country="Trinidad and Tobago"  and SEGMENT=lost,loyal and frequency >= 2'))
    'segment = lost, loyal and country = "Trinidad and Tobago" and frequency >= 2'
    """
    parts = []
    for field in FIELDS:
        value = getattr(definition, field.attribute)
        if field.is_range:
            ends = ((">=", value.least), ("<=", value.most))
            parts += [f"{field.name} {sign} {Decimal(end):f}" for sign, end in ends if end is not None]
        elif field.name == "since":
            parts += [] if value is None else [f"since = {value}d" if isinstance(value, int) else f"since = {value}"]
        elif value:
            parts.append(f"{field.name} = {', '.join(map(_written, value))}")
    return " and ".join(parts) or EVERYONE


def checked_text(definition: AudienceDefinition) -> str:
    """The text of a definition that is to be saved.

    Raises
    ------
    AudienceError
        If it is longer than what :func:`parse` reads.
    """
    text = to_text(definition)
    _check_length(text)
    return text


def one_value(name: str, text: str) -> Any:
    """The value of a filter, by its name in the text form.

    Raises
    ------
    AudienceError
        If the filter has no such value; the message names those that are possible.
    """
    try:
        return _BY_NAME[name].parse(text)
    except ValueError as error:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        raise AudienceError(f"`{name}` is {error}, not `{' '.join(shown.split())}`") from None


def _check_length(text: str) -> None:
    if len(text) > LONGEST:
        raise AudienceError(f"the definition has more than {LONGEST:,} characters")


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise AudienceError("a quotation mark is not closed")
        kind = found.lastgroup or ""
        raw = found[kind]
        tokens.append(_Token(raw.replace('""', '"') if kind == "quoted" else raw, kind))
        at = found.end()
    return tokens


def _parts(tokens: list[_Token]) -> list[list[_Token]]:
    """The filters, which the word "and" separates."""
    parts: list[list[_Token]] = [[]]
    for token in tokens:
        if token.kind == "bare" and token.text.lower() == "and":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _add(found: dict[str, Any], tokens: list[_Token]) -> None:
    if len(tokens) < 3 or tokens[0].kind != "bare" or tokens[1].kind != "sign" or tokens[1].text == ",":
        shown = " ".join(token.text for token in tokens)[:40]
        raise AudienceError(
            f"expected a filter such as `risk = overdue` or `net_spend >= 500`, not `{shown}`"
            if shown
            else "expected a filter such as `risk = overdue` or `net_spend >= 500`; `everyone` has none"
        )
    name, sign = tokens[0].text.lower(), tokens[1].text
    field = _BY_NAME.get(name)
    if field is None:
        raise AudienceError(f"an audience has no filter `{tokens[0].text}`; the filters are {', '.join(_BY_NAME)}")
    values = [one_value(name, text) for text in _values(name, tokens[2:])]
    if field.is_range:
        found[field.attribute] = _narrowed(field.name, found.get(field.attribute, ANY), sign, values)
        return
    if sign != "=":
        raise AudienceError(f"`{name}` takes `=`, not `{sign}`")
    if field.attribute in found:
        raise AudienceError(f"`{name}` is there twice: give its values once, with commas between them")
    if name == "since" and len(values) > 1:
        raise AudienceError("`since` takes one day")
    found[field.attribute] = values[0] if name == "since" else tuple(dict.fromkeys(values))


def _values(name: str, tokens: list[_Token]) -> list[str]:
    """The values of a filter, which commas separate; words of a value stand beside each other."""
    values: list[list[str]] = [[]]
    for token in tokens:
        if token.kind == "sign":
            if token.text != ",":
                raise AudienceError(f"a value of `{name}` with `{token.text}` in it must be in quotation marks")
            values.append([])
        else:
            values[-1].append(token.text)
    if not all(values):
        raise AudienceError(f"`{name}` lacks a value beside a comma")
    return [" ".join(words) for words in values]


def _narrowed(name: str, known: Range, sign: str, values: list[Any]) -> Range:
    if sign not in (">=", "<=", "=") or len(values) != 1:
        raise AudienceError(f"`{name}` takes `>=`, `<=` or `=` and one number")
    (value,) = values
    if (sign != "<=" and known.least is not None) or (sign != ">=" and known.most is not None):
        raise AudienceError(f"`{name} {sign}` is there twice")
    return Range(known.least if sign == "<=" else value, known.most if sign == ">=" else value)


def _written(value: str) -> str:
    if _BARE.fullmatch(value) and not _AND.search(value):
        return value
    return f'"{value.replace(chr(34), chr(34) * 2)}"'


def _text(text: str) -> str:
    if not text or "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a text")
    return text


def _state(text: str) -> str:
    state = "_".join(text.lower().replace("-", "_").split())
    if state not in RISK_STATES:
        raise ValueError(f"one of {', '.join(RISK_STATES)}")
    return state


def _whole(text: str) -> int:
    if not _NUMBER.fullmatch(text) or "." in text or "-" in text or len(text) > 9:
        raise ValueError("a whole number from 0 to 999,999,999")
    return int(text)


def _amount(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError("an amount such as 500 or 12.50")
    amount = Decimal(text)
    return amount.normalize() if amount else Decimal(0)


def _since(text: str) -> date | int:
    days = _DAYS.fullmatch(text)
    try:
        if days is None:
            return date.fromisoformat(text)
        if 1 <= int(days[1]) <= MOST_DAYS:
            return int(days[1])
    except ValueError:
        pass
    raise ValueError(f"a day such as 2011-06-01, or the last 1d to {MOST_DAYS}d")


#: In the order of the text.
FIELDS = (
    _Field("segment", "segments", _text),
    _Field("risk", "risk_states", _state),
    _Field("country", "countries", _text),
    _Field("recency_days", "recency_days", _whole, True),
    _Field("frequency", "frequency", _whole, True),
    _Field("net_spend", "net_spend", _amount, True),
    _Field("at_stake", "at_stake", _amount, True),
    _Field("moved_from", "moved_from", _text),
    _Field("moved_to", "moved_to", _text),
    _Field("since", "since", _since),
)
_BY_NAME = {field.name: field for field in FIELDS}
