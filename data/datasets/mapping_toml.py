"""Mappings from TOML and from settings, and mappings as TOML."""

import tomllib
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from data.datasets import mapping_checks
from data.datasets.cells import DataError, shown
from data.datasets.mapping import Mapping
from data.datasets.preset_tables import preset_tables
from data.datasets.toml_text import toml_text


def from_toml(text: str, place: str) -> Mapping:
    """The mapping that a TOML text describes, together with the preset that the text names.

    Parameters
    ----------
    place
        The name of the file, for messages.

    Raises
    ------
    DataError
        If the text is no TOML or no valid mapping; the message names the place and the key.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{place}: not valid TOML ({' '.join(str(error).split())})") from None
    return from_tables(tables, place)


def to_toml(mapping: Mapping) -> str:
    """The mapping as TOML, without what its preset says anyway; :func:`from_toml` makes the same mapping of it."""
    base = _tables(from_tables({"preset": mapping.preset}, "preset")) if mapping.preset else {}
    written: dict[str, Any] = {"preset": mapping.preset} if mapping.preset else {}
    defaults = _tables(Mapping())
    for name, table in _tables(mapping).items():
        if isinstance(table, dict):
            expected = base.get(name) or defaults[name]
            different = {key: value for key, value in table.items() if value != expected[key] and value is not None}
            if different:
                written[name] = different
    return toml_text(written)


def with_settings(mapping: Mapping, settings: Sequence[str]) -> Mapping:
    """The mapping with keys set anew, such as ``time.day_first=true``; later settings win.

    The value is read as TOML, and as a text if it is no TOML. A mapping has either an amount or a quantity and a price:
    setting one of them takes the others away unless they are set, too.

    Raises
    ------
    DataError
        If a setting has no ``=``, or its key or value is not valid.
    """
    tables = msgspec.to_builtins(mapping)
    for setting in settings:
        place = f"--set {setting if setting.isprintable() else shown(setting)}"
        key, sign, written = setting.partition("=")
        path = [part.strip() for part in key.split(".")]
        if not sign or not all(path) or len(path) > 2:
            raise DataError(f"{place}: write KEY=VALUE, such as time.day_first=true")
        if path == ["preset"]:
            name = _value(written, path)
            tables = merged(_preset_of({"preset": name}, place), tables) | {"preset": name}
            continue
        table = tables.setdefault(path[0], {}) if len(path) == 2 else tables
        if not isinstance(table, dict):
            raise DataError(f"{place}: {path[0]} has no keys")
        if path[0] == "columns" and len(path) == 2:
            mapping_checks.drop_other_amounts(table, path[1], settings)
        table[path[-1]] = _value(written, path)
        # One setting after the other, so that the message names the one that is wrong.
        _converted(tables, place)
    return _checked(_converted(tables, "--set"), "--set")


def from_tables(tables: dict[str, Any], place: str) -> Mapping:
    """The mapping that parsed TOML describes; see :func:`from_toml`."""
    return _checked(_converted(merged(_preset_of(tables, place), tables), place), place)


def merged(base: Dict[str, Any], over: Dict[str, Any]) -> dict[str, Any]:
    """Tables of ``base`` in which the keys of ``over`` win."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _tables(mapping: Mapping) -> dict[str, Any]:
    """Every key of a mapping, those with a default value included."""
    tables: dict[str, Any] = {}
    for name in mapping.__struct_fields__:
        part = getattr(mapping, name)
        tables[name] = {key: getattr(part, key) for key in part.__struct_fields__} if isinstance(part, Struct) else part
    return tables


def _preset_of(tables: Dict[str, Any], place: str) -> dict[str, Any]:
    name = tables.get("preset", "")
    try:
        return preset_tables(name)[0] if name else {}
    except DataError as error:
        raise DataError(f"{place}: {error}") from None


def _converted(tables: dict[str, Any], place: str) -> Mapping:
    try:
        return msgspec.convert(tables, Mapping)
    except msgspec.ValidationError as error:
        raise DataError(f"{place}: {mapping_checks.in_words(str(error))}") from None


def _checked(mapping: Mapping, place: str) -> Mapping:
    try:
        mapping_checks.check(mapping)
    except ValueError as error:
        raise DataError(f"{place}: {error}") from None
    return mapping


def _value(written: str, path: Sequence[str]) -> Any:
    """The value of a setting: TOML, or a text as it is where a text belongs; one text can be a list of one."""
    try:
        value = tomllib.loads(f"value = {written}")["value"] if "\n" not in written else written
    except tomllib.TOMLDecodeError:
        value = written
    default: Any = Mapping()
    for name in path:
        default = getattr(default, name, None)
    if isinstance(default, str) and not isinstance(value, str):
        return written
    return [value] if isinstance(default, tuple) and isinstance(value, str) else value
