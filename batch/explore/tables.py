"""Tables as HTML: numbers right-aligned, an optional colour swatch in the first column."""

import re
from html import escape

import pandas as pd

from runtime.money import Money


def html_table(name: str, table: pd.DataFrame, money: Money, colours: list[str] | None = None) -> str:
    """A table of formatted cells; ``colours`` puts a swatch before the first cell of each row.

    Columns of numbers, and of amounts as ``money`` writes them, are right-aligned.
    """
    number_like = _number(money)
    right = [all(number_like.fullmatch(str(cell)) for cell in table[column]) for column in table.columns]
    head = "".join(_cell("th", escape(column), number) for column, number in zip(table.columns, right, strict=True))
    body = ""
    for row, cells in enumerate(table.astype(str).itertuples(index=False, name=None)):
        texts = [escape(cell) for cell in cells]
        if colours:
            texts[0] = f'<i class="swatch" style="background:{escape(colours[row])}"></i>{texts[0]}'
        body += f"<tr>{''.join(_cell('td', text, number) for text, number in zip(texts, right, strict=True))}</tr>"
    return (
        f'<div class="scroll" tabindex="0"><table id="{name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(tag: str, text: str, number: bool) -> str:
    return f'<{tag} class="number">{text}</{tag}>' if number else f"<{tag}>{text}</{tag}>"


def _number(money: Money) -> re.Pattern[str]:
    """What a number looks like: a count, a percentage, an amount, or a dash."""
    symbol = f"(?:{re.escape(money.symbol)})?"
    return re.compile(rf"[-<]?{symbol}\s?-?\d[\d,.'’\s]*(?:\w{{1,8}}\.?)?\s?{symbol}%?|–")
