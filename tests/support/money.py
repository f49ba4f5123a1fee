"""How tests write money."""

from runtime.money import Money

POUNDS, EUROS, YEN = Money("GBP", "en_GB"), Money("EUR", "de_DE"), Money("JPY", "en_GB")
