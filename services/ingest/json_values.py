"""JSON as a record holds it, with every number exactly as it is written, and its values as the cells of a row."""

import json
from collections.abc import Iterator
from typing import Any

_EXACT_DIGITS = 15


class Number(str):
    """A number of a JSON text, as it is written there: it has a decimal point and one reading."""

    __slots__ = ()


class EpochMoment(str):
    """A time that a count since 1970 gives, in ISO 8601 with the zone Z: perhaps the digits of a local time."""

    __slots__ = ()


def parsed(value: bytes) -> Any:
    """The value of a JSON text; numbers are :class:`Number`.

    Raises
    ------
    ValueError
        If it is no JSON, or a field occurs twice.
    """
    try:
        text = value.decode("utf-8-sig")
        found = json.loads(
            text,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_refused,
            object_pairs_hook=_unique,
        )
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("the record is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("the record is not a text in UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("the record has half of a character (a lone surrogate)") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"the record is not JSON: {error.msg} at character {error.pos + 1}") from None
    return found


def flat(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every field that is not an object itself, under its path, such as ``customer.id``.

    >>> dict(flat({"id": "7", "customer": {"id": "ann"}}))
    {'id': '7', 'customer.id': 'ann'}
    """
    for name, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def cell(value: Any) -> str | None:
    """A value as the text of a cell; None for null.

    Of a number with more digits than a double has, the last ones are an artefact of arithmetic: 13.049999999999999 is
    13.05. A number with three decimals gets a fourth, since the text 1.234 alone can also be a thousand.

    >>> cell(Number("1.234")), cell("1.234"), cell(Number("13.049999999999999")), cell(True), cell(None)
    ('1.2340', '1.234', '13.05', 'true', None)

    Raises
    ------
    ValueError
        If it is a list.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        raise ValueError("the field is a list")
    if not isinstance(value, Number):
        return str(value)
    whole, point, decimals = value.partition(".")
    if not point or not decimals.isdecimal():
        return value
    if len(whole.lstrip("-0") + decimals) > _EXACT_DIGITS and decimals.strip("0"):
        return cell(Number(f"{float(value):.{_EXACT_DIGITS}g}"))
    return Number(f"{value}0") if len(decimals) == 3 else value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice[:64]!r} occurs twice")
    return found


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not a number")
