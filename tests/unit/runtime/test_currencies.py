"""Which texts are currencies and locales, and what is suggested for the others."""

import pytest

from runtime.currencies import checked_currency, checked_locale


@pytest.mark.parametrize("code", ["EUR", "GBP", "JPY", "KWD", "DEM"])
def test_a_code_of_iso_4217_is_a_currency(code: str) -> None:
    assert checked_currency(code) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [("Euro", "EUR"), ("eur", "EUR"), ("euros", "EUR"), (" EUR ", "EUR"), ("€", "EUR"), ("yen", "JPY"), ("£", "GBP")],
)
def test_another_name_of_a_currency_is_refused_with_its_code(text: str, code: str) -> None:
    with pytest.raises(ValueError, match=f"is no currency: use {code}$"):
        checked_currency(text)


@pytest.mark.parametrize("text", ["", "Dollar", "XXX", "GBX", "E" * 500])
def test_a_text_that_names_no_currency_or_several_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no currency: use an ISO 4217 code such as EUR") as raised:
        checked_currency(text)
    assert len(str(raised.value)) < 120


@pytest.mark.parametrize(("text", "name"), [("de_DE", "de_DE"), ("de-DE", "de_DE"), ("en", "en"), ("de_de", "de_DE")])
def test_a_locale_may_be_written_in_two_ways(text: str, name: str) -> None:
    assert checked_locale(text) == name


@pytest.mark.parametrize("text", ["", "German", "xx_YY", "de_", "../etc", "\0"])
def test_a_text_that_is_no_locale_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no locale: use a language and a country, such as en_GB or de_DE"):
        checked_locale(text)
