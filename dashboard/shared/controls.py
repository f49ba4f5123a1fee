"""Controls that several pages have. Each is a part of the page's URL."""

from collections.abc import Iterable, Mapping

import streamlit as st

from dashboard.shared.literal import in_markdown
from runtime.money import Money
from runtime.readable import visible

# A float: Streamlit fails on a URL whose integer parameter is 1e400.
_MOST_MONEY = 1e9


def choice(label: str, options: Mapping[str, str], key: str, default: str | None = None) -> str:
    """One of some options, by default the first one; readers see their texts, and screen readers the label."""
    return st.segmented_control(
        label,
        [*options],
        default=next(iter(options)) if default is None else default,
        format_func=options.__getitem__,
        required=True,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )


def least_money(label: str, money: Money, key: str) -> float:
    """An amount from 0 on, in currency units."""
    return st.number_input(
        f"{label} ({in_markdown(money.symbol)})",
        0.0,
        _MOST_MONEY,
        0.0,
        step=100.0,
        format="%.0f",
        key=key,
        bind="query-params",
        width=190,
    )


def countries(options: Iterable[str], key: str) -> list[str]:
    """Some of the countries; none of them stands for all."""
    return st.multiselect(
        "Country",
        [*options],
        format_func=visible,
        placeholder="All countries",
        key=key,
        bind="query-params",
        width=300,
    )
