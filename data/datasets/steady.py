"""A shop in a steady state, for measuring drift detection: transactions without lines, from a seed.

Customers arrive at a constant rate and buy at a random rate during a random lifetime (Pareto/NBD; Schmittlein, Morrison
& Colombo 1987). The shop is old enough for arrivals and departures to balance. So the distribution of transactions does
not change over time, and every alarm is a false one unless a shift is injected.
"""

from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from data.datasets.invoices import MONTHS
from data.datasets.synthetic import START
from models.units import MICROS_PER_DAY, MONEY_UNITS, Floats, to_micros

Injection = Literal["none", "seasons", "prices", "returns", "one-timers", "seldom"]

#: Days that the shop has been open before :data:`synthetic.START`: several lifetimes of a customer.
AGE = 1_200
NEWCOMERS_A_DAY = 5.0
_LIFETIME = 220.0
_RETURNS = 0.2
_RETURN_WAVE = 0.6


def steady_shop(
    seed: int, *, days: int = 365, injection: Injection = "none", at: int = 90, per_day: float = NEWCOMERS_A_DAY
) -> pd.DataFrame:
    """Transactions of a shop from :data:`AGE` days before :data:`synthetic.START` to ``days`` days after it.

    Parameters
    ----------
    injection
        The shift, ``at`` days after the start: ``prices`` rise by half; ``returns`` triple and are for whole orders;
        ``one-timers`` doubles the arrivals with customers who buy only once; ``seldom`` leaves out every second order
        that is no customer's first. ``seasons`` is not a shift: from the first
        day on, the shop has two and a half times as many sales in some months as in others.

    Returns
    -------
    DataFrame
        Ordered by time: ``transaction_id, customer_id, occurred_at, kind, amount_units``.
    """
    rng = np.random.default_rng(seed)
    regulars = rng.poisson(per_day * (AGE + days))
    passing = rng.poisson(per_day * (days - at)) if injection == "one-timers" else 0
    arrival = np.concatenate([rng.uniform(-AGE, days, regulars), rng.uniform(min(at, days), days, passing)])
    rate = np.concatenate([rng.gamma(0.5, 1 / 12, regulars), np.zeros(passing)])
    lifetime = rng.exponential(rng.gamma(2.0, _LIFETIME / 2, len(arrival)))
    gone = np.minimum(arrival + lifetime, days)
    wallet = rng.lognormal(5.0, 0.6, len(arrival))

    repeats = rng.poisson(rate * (gone - arrival))
    again = np.repeat(np.arange(len(arrival)), repeats)
    customer = np.concatenate([np.arange(len(arrival)), again])
    day = np.concatenate([arrival, rng.uniform(arrival[again], gone[again])])
    if injection == "seasons":
        day = _busy(day, days)
    if injection == "seldom":
        is_kept = (day < at) | (rng.random(len(day)) < 1 / 2)
        is_kept[: len(arrival)] = True
        customer, day = customer[is_kept], day[is_kept]
    amount = wallet[customer] * rng.lognormal(0.0, 0.7, len(customer))
    shifted = day >= at
    if injection == "prices":
        amount = np.where(shifted, 1.5 * amount, amount)
    wave = shifted & (injection == "returns")
    brought_back = rng.random(len(customer)) < np.where(wave, _RETURN_WAVE, _RETURNS)
    part = np.where(wave, 1.0, rng.random(len(customer)))[brought_back]
    frame = pd.DataFrame(
        {
            "customer": np.concatenate([customer, customer[brought_back]]),
            "day": np.concatenate([day, day[brought_back] + rng.exponential(12.0, len(part))]),
            "kind": np.repeat(["sale", "return"], [len(customer), len(part)]),
            "amount": np.concatenate([amount, amount[brought_back] * part]),
        }
    )
    return _as_transactions(frame[frame["day"] < days])


def _busy(day: Floats, days: int) -> Floats:
    """The days of the same visits, closer together in busy months and further apart in quiet ones."""
    calendar = np.arange(-AGE, days + 1)
    dates = pd.DatetimeIndex([START + timedelta(days=int(number)) for number in calendar])
    worked = np.concatenate([[0.0], np.cumsum(MONTHS[dates.month - 1][:-1])])
    return np.asarray(np.interp((day + AGE) / (AGE + days) * worked[-1], worked, calendar))


def _as_transactions(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.sort_values("day", kind="stable")
    start = to_micros(START)
    numbers = pd.Series(range(len(frame)), frame.index)
    return pd.DataFrame(
        {
            "transaction_id": "T" + numbers.astype("str"),
            "customer_id": "C" + frame["customer"].astype("str"),
            "occurred_at": pd.to_datetime(
                start + (frame["day"] * MICROS_PER_DAY).astype("int64"), unit="us", utc=True
            ).dt.as_unit("us"),
            "kind": frame["kind"],
            "amount_units": (frame["amount"] * MONEY_UNITS).round().astype("int64"),
        }
    ).reset_index(drop=True)


def moment(day: int) -> datetime:
    """The midnight of a day, counted from :data:`synthetic.START`."""
    return START + timedelta(days=day)
