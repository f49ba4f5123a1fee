"""Currencies as they are written beside an amount: symbols and codes."""

import re

from runtime.currencies import is_iso_currency

# A symbol that several currencies use stands for each of them, the best known first.
_DOLLARS = ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP", "UYU", "BBD", "BSD", "JMD")
_SYMBOLS: dict[str, tuple[str, ...]] = {
    "€": ("EUR",),
    "£": ("GBP",),
    "$": _DOLLARS,
    "US$": ("USD",),
    "C$": ("CAD",),
    "CA$": ("CAD",),
    "A$": ("AUD",),
    "AU$": ("AUD",),
    "NZ$": ("NZD",),
    "S$": ("SGD",),
    "HK$": ("HKD",),
    "NT$": ("TWD",),
    "MX$": ("MXN",),
    "R$": ("BRL",),
    "¥": ("JPY", "CNY"),
    "￥": ("JPY", "CNY"),
    "元": ("CNY",),
    "円": ("JPY",),
    "₹": ("INR",),
    "Rs": ("INR", "PKR", "LKR", "NPR"),
    "Rs.": ("INR", "PKR", "LKR", "NPR"),
    "₽": ("RUB",),
    "₺": ("TRY",),
    "₩": ("KRW",),
    "₪": ("ILS",),
    "₫": ("VND",),
    "₱": ("PHP",),
    "฿": ("THB",),
    "₦": ("NGN",),
    "₴": ("UAH",),
    "zł": ("PLN",),
    "Kč": ("CZK",),
    "Ft": ("HUF",),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "kr.": ("DKK", "SEK", "NOK", "ISK"),
    "Fr.": ("CHF",),
    "SFr.": ("CHF",),
    "lei": ("RON",),
    "лв": ("BGN",),
    "лв.": ("BGN",),
    "R": ("ZAR",),
    "RM": ("MYR",),
    "Rp": ("IDR",),
}
_FOLDED = {symbol.casefold(): codes for symbol, codes in _SYMBOLS.items()}
_BEFORE = re.compile(r"([^\d\s.,'()+\-\N{MINUS SIGN}]+\.?)\s*(?=[\d.,(+\-\N{MINUS SIGN}])")
_AFTER = re.compile(r"(?<=[\d.,)\-\N{MINUS SIGN}])\s*([^\d\s,'()+\-\N{MINUS SIGN}]+)")


def meanings(written: str) -> tuple[str, ...]:
    """The codes of the currencies that a symbol or a code can stand for; none if it is neither.

    >>> meanings("€"), meanings("eur"), meanings("kr"), meanings("pcs")
    (('EUR',), ('EUR',), ('SEK', 'NOK', 'DKK', 'ISK'), ())
    """
    code = written.upper()
    if len(code) == 3 and code.isascii() and is_iso_currency(code):
        return (code,)
    return _FOLDED.get(written.casefold(), ())


def without_currency(text: str) -> tuple[str, str | None]:
    """An amount without the currency before or after it, and the currency as it is written.

    >>> without_currency("EUR 12.50"), without_currency("12,50€"), without_currency("12 pcs")
    (('12.50', 'EUR'), ('12,50', '€'), ('12 pcs', None))
    """
    before = _BEFORE.match(text)
    if before and meanings(before[1]):
        return text[before.end() :], before[1]
    for after in _AFTER.finditer(text):
        if after.end() == len(text) and meanings(after[1]):
            return text[: after.start()], after[1]
    return text, None
