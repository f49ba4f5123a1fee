"""Colours that carry meaning, in a shade that is seen against the page's background.

A colour of a model or of a cause is the same for everybody. On a page whose background is too much like it, it is mixed
with black or white, no more than the contrast of 3:1 needs that WCAG asks of graphics.
"""

from functools import cache

import streamlit as st

#: The background of each theme, as in ``.streamlit/config.toml``.
BACKGROUNDS = {"light": "#fbfbfc", "dark": "#101217"}
LEAST_CONTRAST = 3.0
_STEPS = 100


def visible_here(colour: str) -> str:
    """A colour ``#rrggbb`` in the shade for the viewer's theme; as it is if the theme is not known."""
    background = BACKGROUNDS.get(st.context.theme.type or "")
    return colour if background is None else shade(colour, background)


@cache
def shade(colour: str, background: str) -> str:
    """The shade of a colour that is nearest to it among those with enough contrast.

    >>> shade("#3b27e3", "#fbfbfc"), shade("#3b27e3", "#101217")
    ('#3b27e3', '#5645e7')
    """
    pole = 0 if _luminance(background) > 0.5 else 255
    parts = _parts(colour)
    for step in range(_STEPS):
        mixed = [round(part + (pole - part) * step / _STEPS) for part in parts]
        found = "#{:02x}{:02x}{:02x}".format(*mixed)
        if contrast(found, background) >= LEAST_CONTRAST:
            return found
    return "#000000" if pole == 0 else "#ffffff"


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 defines it, from 1 to 21.

    >>> round(contrast("#000000", "#ffffff")), contrast("#777777", "#777777")
    (21, 1.0)
    """
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _fractions(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _fractions(colour: str) -> list[float]:
    return [part / 255 for part in _parts(colour)]


def _parts(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
