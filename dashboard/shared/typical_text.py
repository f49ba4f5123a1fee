"""What is typical of a segment, and where a customer does not fit it, in words."""

from dashboard.shared.personas import Persona
from models.segment_model import FEATURES
from models.typical import Typical, TypicalRange
from runtime.counts import many
from runtime.money import Money


def about(persona: Persona, money: Money) -> str:
    """What is typical of a segment; its persona's description if its model does not say.

    >>> about(Persona("new", "Newcomers", "#03640c", "A few orders, not long ago."), Money("GBP", "en_GB"))
    'A few orders, not long ago.'
    """
    return persona.description if persona.typical is None else f"Typical: {rule(persona.typical, money)}"


def rule(typical: Typical, money: Money) -> str:
    """What is typical of a segment, from the numbers of its customers; the end of a sentence.

    >>> recency, frequency = TypicalRange(0, 1, 25, 63), TypicalRange(8, 12, 60, 155)
    >>> loyal = Typical(recency, frequency, TypicalRange(900, 2_500, 28_000, 99_000))
    >>> rule(loyal, Money("GBP", "en_GB"))
    'eight in ten bought 1 to 25 days ago, eight in ten have 12 to 60 purchases, eight in ten spent £2,500 to £28,000.'
    """
    spent = (money.rounded(typical.monetary.low), money.rounded(typical.monetary.high))
    return (
        f"eight in ten bought {_span(typical.recency, 'day')} ago, "
        f"eight in ten have {_span(typical.frequency, 'purchase')}, "
        f"eight in ten spent {spent[0] if spent[0] == spent[1] else ' to '.join(spent)}."
    )


def misfit(name: str, typical: Typical, who: tuple[int, int, float], money: Money) -> str | None:
    """Where a customer does not fit the segment of this name, in a sentence; None if the customer does.

    Parameters
    ----------
    who
        The customer's recency in days, number of purchases, and spend.

    Examples
    --------
    >>> recency, frequency = TypicalRange(0, 1, 25, 63), TypicalRange(8, 12, 60, 155)
    >>> loyal = Typical(recency, frequency, TypicalRange(900, 2_500, 28_000, 99_000))
    >>> misfit("Loyal", loyal, (372, 20, 5_000.0), Money("GBP", "en_GB"))
    'Unusual for Loyal: silent for 372 days (99 in 100: at most 63).'
    >>> misfit("Loyal", loyal, (30, 20, 5_000.0), Money("GBP", "en_GB"))
    """
    recency, frequency, monetary = who
    words = (
        (f"silent for {many(recency, 'day')}", _limit(typical.recency, recency)),
        (many(frequency, "purchase"), _limit(typical.frequency, frequency)),
        (f"a spend of {money.exact(monetary)}", _limit(typical.monetary, monetary, money)),
    )
    outside = typical.misfits(recency, frequency, monetary)
    found = [f"{what} ({limit})" for feature, (what, limit) in zip(FEATURES, words, strict=True) if feature in outside]
    return f"Unusual for {name}: {', '.join(found)}." if found else None


def _span(known: TypicalRange, thing: str) -> str:
    low, high = round(known.low), round(known.high)
    return many(low, thing) if low == high else f"{low:,} to {many(high, thing)}"


def _limit(known: TypicalRange, value: float, money: Money | None = None) -> str:
    """What 99 in 100 customers have at most, or at least."""
    side, bound = ("most", known.most) if value > known.most else ("least", known.least)
    return f"99 in 100: at {side} {f'{bound:,.0f}' if money is None else money.exact(bound)}"
