"""How amounts of money are written, by the rules of a locale and with the decimals of the currency. Pure.

Data keeps every decimal; only what a person reads is rounded here, half away from zero.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from functools import cache

from babel import Locale
from babel.numbers import (
    NumberPattern,
    format_compact_currency,
    format_currency,
    get_currency_precision,
    get_currency_symbol,
    parse_pattern,
)

#: In place of an amount that is missing.
NOTHING = "–"
#: From here on a mark of an axis is abbreviated.
LONG = 10_000
# More than any sum of amounts has.
_DIGITS = 60
_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Money:
    """Writes amounts of one currency.

    Parameters
    ----------
    currency
        An ISO 4217 code, as :func:`runtime.currencies.checked_currency` returns it.
    locale
        Whose separators, symbols and abbreviations are used, as :func:`runtime.currencies.checked_locale` returns it.
    """

    currency: str
    locale: str

    def of(self, currency: str | None) -> "Money":
        """The same rules for another currency; for None the same currency."""
        return self if currency is None else replace(self, currency=currency)

    @property
    def symbol(self) -> str:
        """The currency's symbol, such as ``£``; its code if the locale has none."""
        return get_currency_symbol(self.currency, locale=_locale(self.locale))

    @property
    def decimals(self) -> int:
        """How many decimals an amount has: 2 in euros, 0 in yen, 3 in Kuwaiti dinars."""
        return get_currency_precision(self.currency)

    @property
    def smallest(self) -> Decimal:
        """The smallest amount above 0 that can be written: 0.01 in euros, 1 in yen."""
        return Decimal(1).scaleb(-self.decimals)

    def exact(self, amount: Decimal | float | None) -> str:
        """An amount with all decimals of the currency, so that the amounts of a column are comparable.

        >>> pounds = Money("GBP", "en_GB")
        >>> pounds.exact(Decimal("12.345")), pounds.exact(-1234.5), pounds.exact(None)
        ('£12.35', '-£1,234.50', '–')
        >>> Money("EUR", "de_DE").exact(1234.56).replace(chr(160), " "), Money("JPY", "ja_JP").exact(1234.56)
        ('1.234,56 €', '￥1,235')
        """
        value = _decimal(amount)
        return NOTHING if value is None else self._written(_round(value, self.smallest), self.decimals)

    def rounded(self, amount: Decimal | float | None) -> str:
        """An amount without decimals.

        >>> Money("GBP", "en_GB").rounded(1234.5), Money("KWD", "en_GB").rounded(7).replace(chr(160), " ")
        ('£1,235', 'KWD 7')
        """
        value = _decimal(amount)
        return NOTHING if value is None else self._written(_round(value, Decimal(1)), 0)

    def short(self, amount: Decimal | float | None) -> str:
        """An amount in at most three digits and the locale's abbreviation, if it has one.

        >>> pounds = Money("GBP", "en_GB")
        >>> pounds.short(7_859_755), pounds.short(-12_345), pounds.short(999.4), pounds.short(999_960), pounds.short(.5)
        ('£7.86m', '-£12.3k', '£999', '£1m', '£0.50')
        >>> Money("EUR", "de_DE").short(7_859_755).replace(chr(160), " ")
        '7,86 Mio. €'
        """
        value = _decimal(amount)
        if value is None:
            return NOTHING
        if abs(value) < 10 and _round(value, self.smallest) % 1:
            return self.exact(value)
        leading = _leading(value)
        if not self._is_abbreviated(leading):
            return self.rounded(value)
        text = format_compact_currency(abs(leading), self.currency, locale=_locale(self.locale), fraction_digits=2)
        return self._signed(value, text)

    def mark(self, amount: Decimal | float) -> str:
        """A round amount beside an axis, or the edge of a range: as few digits as it needs.

        >>> pounds = Money("GBP", "en_GB")
        >>> [pounds.mark(amount) for amount in (0, 0.5, 20, 2_000, 800_000, 1_500_000_000)]
        ['£0', '£0.50', '£20', '£2,000', '£800k', '£1.5bn']
        """
        value = _decimal(amount)
        if value is None:
            return NOTHING
        if abs(value) >= LONG and _leading(value) == value:
            return self.short(value)
        if value % 1 == 0:
            return self.rounded(value)
        return self._written(value, max(self.decimals, -int(value.normalize().as_tuple().exponent)))

    def axis(self, values: Iterable[float], most: int = 5) -> dict[str, list[float] | list[str]]:
        """The marks of a linear axis that begins at 0 and shows all ``values``: Plotly's ``tickvals`` and ``ticktext``.

        There are about ``most`` marks, at round amounts that the currency can express.

        >>> Money("GBP", "en_GB").axis([0.2, 0.5])["ticktext"]
        ['£0', '£0.10', '£0.20', '£0.30', '£0.40', '£0.50']
        >>> Money("JPY", "ja_JP").axis([-1, 2])["ticktext"]
        ['-￥1', '￥0', '￥1', '￥2']
        """
        numbers = [number for value in values if (number := _decimal(value)) is not None]
        low, high = min([*numbers, Decimal(0)]), max([*numbers, Decimal(0)])
        # Two more, since the round step is up to 2.5 times as large.
        step = max(_step((high - low) / (most + 2)), self.smallest)
        first, last = (low / step).to_integral_value(ROUND_CEILING), (high / step).to_integral_value(ROUND_FLOOR)
        marks = [step * number for number in range(int(first), int(last) + 1)]
        return {"tickvals": [float(mark) for mark in marks], "ticktext": [self.mark(mark) for mark in marks]}

    def decades(self, low: float, high: float) -> dict[str, list[float] | list[str]]:
        """The marks of a logarithmic axis from ``low`` to ``high``, both above 0: the powers of ten around them.

        >>> Money("GBP", "en_GB").decades(30, 20_000)["ticktext"]
        ['£10', '£100', '£1,000', '£10k', '£100k']
        """
        marks = [Decimal(10) ** power for power in range(_power(_positive(low)), _power(_positive(high)) + 2)]
        return {"tickvals": [float(mark) for mark in marks], "ticktext": [self.mark(mark) for mark in marks]}

    def _written(self, value: Decimal, decimals: int) -> str:
        """A number in the locale's own pattern, but with this many decimals."""
        text = format_currency(
            abs(value),
            self.currency,
            format=_pattern(self.locale, decimals),
            locale=_locale(self.locale),
            currency_digits=False,
            decimal_quantization=False,
        )
        return self._signed(value, text)

    def _signed(self, value: Decimal, text: str) -> str:
        """The text of an amount's size, with its sign first, and with a space that Babel leaves out: ``KWD 5``."""
        symbol = self.symbol
        if symbol.isalpha():
            text = re.sub(rf"{re.escape(symbol)}(?=\d)", f"{symbol}\N{NO-BREAK SPACE}", text)
        return f"-{text}" if value < 0 else text

    def _is_abbreviated(self, value: Decimal) -> bool:
        """Whether the locale has an abbreviation for an amount of this size; German has none for thousands."""
        forms = _locale(self.locale).compact_currency_formats["short"]["other"]
        sizes = [int(size) for size in forms if int(size) <= abs(value)]
        return bool(sizes) and re.sub(r"[0¤\s]", "", forms[str(max(sizes))].pattern) != ""


def _decimal(amount: Decimal | float | None) -> Decimal | None:
    """An amount as the decimal number that a person reads; None if it is missing or infinite."""
    if amount is None:
        return None
    # The text of a float is the shortest one: 2.675 is meant, not 2.67499999999999982236431605997495353221893310546875.
    value = amount if isinstance(amount, Decimal) else Decimal(str(amount))
    return value if value.is_finite() else None


def _round(value: Decimal, unit: Decimal) -> Decimal:
    with localcontext(prec=_DIGITS):
        rounded = value.quantize(unit, rounding=ROUND_HALF_UP)
    return rounded if rounded else abs(rounded)


def _leading(value: Decimal) -> Decimal:
    """The first three digits of an amount, and zeros; amounts below 100 keep no decimals."""
    unit = Decimal(10) ** max(_power(value) - 2, 0) if value else Decimal(1)
    return _round(value / unit, Decimal(1)) * unit


def _step(least: Decimal) -> Decimal:
    """The smallest of 1, 2 and 5, times a power of ten, that is not below ``least``."""
    if least <= 0:
        return Decimal(1)
    scale = Decimal(10) ** _power(least)
    return next(step * scale for step in _STEPS if step * scale >= least)


def _power(value: Decimal) -> int:
    """The power of ten of a number's first digit."""
    return value.adjusted()


def _positive(value: float) -> Decimal:
    found = _decimal(value)
    if found is None or found <= 0:
        raise ValueError(f"{value} is not above 0")
    return found


# A page writes thousands of amounts, and parsing is most of the work.
@cache
def _locale(name: str) -> Locale:
    return Locale.parse(name)


@cache
def _pattern(locale: str, decimals: int) -> NumberPattern:
    """The locale's pattern of an amount above 0, with this many decimals."""
    pattern = _locale(locale).currency_formats["standard"].pattern.partition(";")[0]
    return parse_pattern(re.sub(r"\.0+", f".{'0' * decimals}" if decimals else "", pattern))
