"""The tables of the presets that ship with Segue, from ``data/datasets/presets``."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from data.datasets.cells import DataError

# In the order in which they are tried: the more particular ones first.
NAMES: tuple[str, ...] = ("shopify", "woocommerce", "square", "stripe", "online-retail", "online-retail-ii", "orders")


@cache
def preset_tables(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables of a mapping that a preset supplies, and how the preset is recognised.

    The second holds ``signature``, groups of column names of which each group has one in the file, and ``spellings``:
    for each canonical column lists of names, of which the first list that the file has wins. With ``totals``, an amount
    is the total of an invoice, beside the quantity and the price of its lines.

    Raises
    ------
    DataError
        If there is no preset of this name.
    """
    if name not in NAMES:
        raise DataError(f"preset: there is no preset {name!r}; there are {', '.join(sorted(NAMES))}")
    tables = tomllib.loads((files("data.datasets") / "presets" / f"{name}.toml").read_text(encoding="utf-8"))
    return tables, tables.pop("recognise")
