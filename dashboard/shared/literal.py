"""Stored text, shown literally: as HTML, as a label in Markdown, and in a figure, which has markup of its own."""

import html
import re

from runtime.readable import visible

_MARKDOWN = re.compile(r"([\\`*_\[\]<>&$~^])")
# At the beginning: headings, quotes, lists and rules.
_BLOCK = re.compile(r"^([#>+=-]|\d+(?=[.)]))")
# Streamlit replaces `:name:` by a picture, and makes links of addresses, even where the punctuation is escaped.
_SPECIAL = re.compile(r":(?=[\w+/-]+:)|:(?=//)|www(?=\.)|@(?=\S)", re.IGNORECASE)
_WORD_JOINER = "\u2060"


def escape(text: str) -> str:
    """A text as HTML, also inside an attribute; hidden characters are visible.

    >>> escape("<b>\\u202e")
    '&lt;b&gt;\\\\u202e'
    """
    return html.escape(visible(text))


def in_figure(text: str) -> str:
    """A text for Plotly, which reads tags, templates such as ``%{x}`` and formulas between dollar signs.

    >>> in_figure("<b>%{x}")
    '&lt;b&gt;%&#123;x}'
    """
    return escape(text).replace("{", "&#123;").replace("$", "&#36;")


def in_markdown(text: str) -> str:
    """A text for a label, button or message that Streamlit reads as Markdown.

    >>> in_markdown("*Lost* customers")
    '\\\\*Lost\\\\* customers'
    """
    inner = _MARKDOWN.sub(r"\\\1", _SPECIAL.sub(rf"\g<0>{_WORD_JOINER}", visible(text).strip()))
    return _BLOCK.sub(_unlike_block, inner)


def _unlike_block(beginning: re.Match[str]) -> str:
    return f"{beginning[0]}{_WORD_JOINER}" if beginning[0].isdecimal() else f"\\{beginning[0]}"
