"""The products of the synthetic shop: invented gifts with stock codes, prices and a popularity."""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from models.units import MONEY_UNITS, Floats, Ints

COLOURS = ("RED", "BLUE", "IVORY", "GREEN", "PINK", "SILVER", "BLACK", "PASTEL", "VINTAGE", "STRIPED")
STYLES = ("WOODEN", "GLASS", "ENAMEL", "PAPER", "KNITTED", "CERAMIC", "TIN", "FELT", "WICKER", "LACE")
THINGS = (
    "MUG",
    "LANTERN",
    "BUNTING",
    "CUSHION",
    "CAKE STAND",
    "COAT HOOK",
    "PHOTO FRAME",
    "LUNCH BAG",
    "CANDLE",
    "CLOCK",
)

_PENNY = MONEY_UNITS // 100
_TENTH_OF_A_PENNY = MONEY_UNITS // 1_000


class Catalogue(NamedTuple):
    """Products, one per element of each field; ``popularity`` sums to 1."""

    stock_codes: list[str]
    descriptions: list[str]
    price_units: Ints
    popularity: Floats


def catalogue(rng: Generator, count: int = 2_000) -> Catalogue:
    """Products with a popularity by Zipf's law and prices around 2; 1 in 100 prices has three decimals."""
    number = np.arange(count)
    step = np.where(number % 100 == 99, _TENTH_OF_A_PENNY, _PENNY)
    price = np.maximum(rng.lognormal(np.log(2.1), 0.85, count), 0.12) * MONEY_UNITS
    price_units = (price / step).astype(np.int64) * step
    # One product is free, as some are in the real dataset.
    price_units[count // 2] = 0
    popularity = rng.permutation(1.0 / (number + 20))
    variants = ("", "", "", "A", "B")
    return Catalogue(
        [f"{20_000 + i}{variants[i % len(variants)]}" for i in range(count)],
        [
            f"{COLOURS[i % 10]} {STYLES[i // 10 % 10]} {THINGS[i // 100 % 10]}"
            + (f" SET {i // 1000}" if i >= 1000 else "")
            for i in range(count)
        ],
        price_units,
        popularity / popularity.sum(),
    )
