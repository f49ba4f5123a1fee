"""The filters of an audience as controls, each a part of the page's URL, and back."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import streamlit as st

from dashboard.shared import controls, rhythm_text
from dashboard.shared.literal import in_markdown
from dashboard.shared.personas import Personas, look_up
from models.audience import AudienceDefinition, Range
from models.audience_text import checked, one_value
from models.rhythm.risk import RISK_STATES
from runtime.money import Money

#: How every key of the session state, and URL parameter, of a filter begins.
PREFIX = "audience_"
SEGMENTS, RISKS, COUNTRIES, MOVED_FROM, MOVED_TO, SINCE = (
    f"{PREFIX}{name}" for name in ("segment", "risk", "country", "moved_from", "moved_to", "since")
)
# Key of the session state: whether all filters are shown.
OPEN = "audience_all_filters"
_MANY = {
    SEGMENTS: "segments",
    RISKS: "risk_states",
    COUNTRIES: "countries",
    MOVED_FROM: "moved_from",
    MOVED_TO: "moved_to",
}
# A float: Streamlit fails on a URL whose integer parameter is 1e400.
_MOST = 999_999_999_999_999.0


class _Ends(NamedTuple):
    """The two boxes of a range: the attribute of the definition, its label, and whether it is an amount of money."""

    attribute: str
    label: str
    is_money: bool
    least: float = 0.0


RANGES = (
    _Ends("recency_days", "Days silent", False),
    _Ends("frequency", "Orders", False),
    _Ends("net_spend", "Net spend", True, -_MOST),
    _Ends("at_stake", "At stake", True, -_MOST),
)
KEYS = (*_MANY, SINCE, *(f"{PREFIX}{each.attribute}_{end}" for each in RANGES for end in ("least", "most")))


class Options(NamedTuple):
    """What can be chosen: the champion's segments, the names of those of all models, countries, and predictions."""

    personas: Personas
    all_personas: Mapping[str, str]
    countries: Sequence[str]
    has_rhythm: bool


def can_show(definition: AudienceDefinition) -> bool:
    """Whether the boxes can hold all numbers of a definition. Streamlit would empty a box without a word."""
    numbers = [number for ends in RANGES for number in getattr(definition, ends.attribute) if number is not None]
    return all(abs(number) <= _MOST and _number(float(number), True) == number for number in numbers)


def fill(definition: AudienceDefinition) -> None:
    """Set all controls to a definition; before they are drawn."""
    for key, attribute in _MANY.items():
        st.session_state[key] = [*getattr(definition, attribute)]
    st.session_state[SINCE] = _since_text(definition)
    for ends in RANGES:
        for end in ("least", "most"):
            value = getattr(getattr(definition, ends.attribute), end)
            st.session_state[f"{PREFIX}{ends.attribute}_{end}"] = None if value is None else float(value)


def draw(options: Options, money: Money) -> AudienceDefinition:
    """Draw the controls; the definition that they say.

    Raises
    ------
    AudienceError
        If they do not fit each other; the message says which.
    """
    found: dict[str, Any] = {"segments": _pills("Segment", SEGMENTS, options)}
    if options.has_rhythm:
        found["risk_states"] = tuple(
            st.pills(
                "Risk state",
                [*RISK_STATES],
                format_func=rhythm_text.STATES.__getitem__,
                selection_mode="multi",
                key=RISKS,
                bind="query-params",
            )
        )
    known = dict.fromkeys([*options.countries, *_chosen(COUNTRIES)])
    found["countries"] = tuple(controls.countries(known, COUNTRIES))
    with st.expander("More filters: silence, orders, spend, moves", expanded=_is_open()):
        for row in (RANGES[:2], RANGES[2:]):
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
                for ends in row:
                    if options.has_rhythm or ends.attribute != "at_stake":
                        found[ends.attribute] = _range(ends, money)
        with st.container(horizontal=True, vertical_alignment="top", gap="small"):
            found["moved_from"] = _segments("Moved out of", MOVED_FROM, options)
            found["moved_to"] = _segments("Moved into", MOVED_TO, options)
            since = st.text_input(
                "Moved since",
                key=SINCE,
                bind="query-params",
                max_chars=12,
                placeholder="30d, or 2011-06-01",
                width=190,
                help="A number of days, such as 30d, or a day (UTC). Empty: ever.",
            )
    if since.strip():
        found["since"] = one_value("since", since.strip())
    return checked(AudienceDefinition(**found))


def _pills(label: str, key: str, options: Options) -> tuple[str, ...]:
    known = [*dict.fromkeys([*options.personas, *_chosen(key)])]
    return tuple(
        st.pills(
            label,
            known,
            format_func=lambda segment: _name(segment, options),
            selection_mode="multi",
            key=key,
            bind="query-params",
        )
    )


def _segments(label: str, key: str, options: Options) -> tuple[str, ...]:
    """Segments of any model: a customer may have moved long ago."""
    known = [*dict.fromkeys([*options.personas, *options.all_personas, *_chosen(key)])]
    return tuple(
        st.multiselect(
            label,
            known,
            format_func=lambda segment: _name(segment, options),
            placeholder="Any segment",
            key=key,
            bind="query-params",
            width=260,
        )
    )


def _name(segment: str, options: Options) -> str:
    known = options.all_personas.get(segment)
    return in_markdown(
        look_up(options.personas, segment).name if segment in options.personas or known is None else known
    )


def _range(ends: _Ends, money: Money) -> Range:
    unit = f" ({in_markdown(money.symbol)})" if ends.is_money else ""
    least, most = (
        st.number_input(
            f"{ends.label}{unit} {word}",
            ends.least,
            _MOST,
            None,
            step=100.0 if ends.is_money else 1.0,
            format=f"%.{money.decimals}f" if ends.is_money else "%.0f",
            placeholder="any",
            key=f"{PREFIX}{ends.attribute}_{end}",
            bind="query-params",
            width=150,
        )
        for end, word in (("least", "from"), ("most", "to"))
    )
    return Range(*(_number(value, ends.is_money) for value in (least, most)))


def _is_open() -> bool:
    """Whether the filters that most readers do not need are shown: once one of them is set, they stay so."""
    keys = [key for key in KEYS if key not in (SEGMENTS, RISKS, COUNTRIES)]
    if any(st.session_state.get(key) for key in keys) or any(key in st.query_params for key in keys):
        st.session_state[OPEN] = True
    return bool(st.session_state.get(OPEN))


def _number(value: float | None, is_money: bool) -> int | Decimal | None:
    if value is None:
        return None
    return Decimal(f"{value:.4f}").normalize() if is_money else int(value)


def _chosen(key: str) -> list[str]:
    """What an opened audience has brought, which may be of a model or a country that is gone."""
    return list(st.session_state.get(key) or [])


def _since_text(definition: AudienceDefinition) -> str:
    since = definition.since
    return "" if since is None else f"{since}d" if isinstance(since, int) else since.isoformat()
