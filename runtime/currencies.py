"""Which currencies and locales there are, and what a person probably meant who wrote another name."""

from babel import Locale, UnknownLocaleError
from babel.numbers import get_currency_name, get_currency_symbol, is_currency, list_currencies

# Codes of ISO 4217 that name no currency: "no currency" and "for tests".
_NONE = frozenset({"XXX", "XTS"})
_EXAMPLE = "use an ISO 4217 code such as EUR"


def checked_currency(code: str) -> str:
    """The code itself, if it is one of ISO 4217.

    Raises
    ------
    ValueError
        If it is not; the message says which code was probably meant.

    >>> checked_currency("EUR")
    'EUR'
    >>> checked_currency("Euro")
    Traceback (most recent call last):
    ValueError: 'Euro' is no currency: use EUR
    """
    if is_iso_currency(code):
        return code
    meant = _meant(code.strip().casefold())
    raise ValueError(f"{code[:40]!r} is no currency: {f'use {meant}' if meant else _EXAMPLE}")


def is_iso_currency(code: str) -> bool:
    """Whether a text is the code of a currency in ISO 4217, such as ``EUR``."""
    return is_currency(code) and code not in _NONE


def checked_locale(name: str) -> str:
    """The locale's name, such as ``de_DE``; ``de-DE`` is accepted, too.

    Raises
    ------
    ValueError
        If there is no such locale.

    >>> checked_locale("de-DE")
    'de_DE'
    """
    try:
        return str(Locale.parse(name.strip().replace("-", "_")))
    except (ValueError, UnknownLocaleError) as error:
        raise ValueError(f"{name[:40]!r} is no locale: use a language and a country, such as en_GB or de_DE") from error


def _meant(text: str) -> str | None:
    """The code that a name, a symbol or a code in other letters stands for; None if there are several, or none."""
    codes = sorted(list_currencies() - _NONE)
    for names in (_codes_and_symbols, _full_names):
        found = [code for code in codes if text in names(code)]
        if found:
            return found[0] if len(found) == 1 else None
    ending = [code for code in codes if any(name.endswith(f" {text}") for name in _full_names(code))]
    return ending[0] if len(ending) == 1 else None


def _codes_and_symbols(code: str) -> set[str]:
    return {code.casefold(), get_currency_symbol(code, locale="en").casefold()}


def _full_names(code: str) -> set[str]:
    return {get_currency_name(code, count=count, locale="en").casefold() for count in (None, 1, 2)}
