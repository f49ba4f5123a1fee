"""A shop in a steady state, for evidence about drift: transactions without lines, from a seed, with a shift if wanted.

Customers come at a constant rate, buy at a random rate for a random lifetime and are then gone (Pareto/NBD;
Schmittlein, Morrison & Colombo 1987), and the shop is old enough for as many to come as go. So what customers do in one
month is what they do in the next, and any alarm is a false one, unless something is injected.
"""

from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from data.datasets.synthetic import MONTHS, START
from models.units import MICROS_PER_DAY, MONEY_UNITS, Floats, to_micros

Injection = Literal["none", "seasons", "prices", "returns", "one-timers"]

#: Days that the shop has been open before the first day that matters: several lifetimes of a customer.
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
        What happens ``at`` days after the start: ``prices`` are half as high again, ``returns`` triple and are of whole
        orders, ``one-timers``, customers who buy once and never again, double those who come. ``seasons`` is no shift:
        from the first day on, the shop is two and a half times as busy in some months as in others.

    Returns
    -------
    DataFrame
        In order of time: ``transaction_id, customer_id, occurred_at, kind, amount_units``.
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
    """The same visits, put closer together in busy months and further apart in quiet ones."""
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
    """A day of such a shop, counted from its start."""
    return START + timedelta(days=day)
