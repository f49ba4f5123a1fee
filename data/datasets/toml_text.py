"""Writes tables as TOML: the standard library reads TOML but does not write it."""

import json
from collections.abc import Mapping
from typing import Any


def toml_text(tables: Mapping[str, Any]) -> str:
    """Texts, booleans and lists of texts, and tables of these, as TOML.

    >>> print(toml_text({"preset": "orders", "time": {"day_first": True}, "customers": {"none": ["-"]}}), end="")
    preset = "orders"
    <BLANKLINE>
    [time]
    day_first = true
    <BLANKLINE>
    [customers]
    none = ["-"]
    """
    lines = [f"{key} = {_value(value)}" for key, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            lines += [*([""] if lines else []), f"[{name}]", *(f"{key} = {_value(table[key])}" for key in table)]
    return "".join(f"{line}\n" for line in lines)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(one) for one in value)}]"
    # A JSON text is a TOML text, except that TOML also wants the delete character escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
