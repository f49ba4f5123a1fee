"""The simulator: the segment for given numbers, its future by time alone, and the effect of one purchase."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pandas as pd
import streamlit as st
from sqlalchemy import Engine, Row

from dashboard.shared import elements, page, plotting, style, window_notes
from dashboard.shared.identifiers import LONGEST, cleaned, readings, resolve
from dashboard.shared.literal import escape, in_markdown
from dashboard.shared.own_orders import own_orders
from dashboard.shared.page import Moment
from dashboard.shared.personas import Persona
from dashboard.shared.profiles import SegmentPopulation, counted, means, profile, spend_before_floor
from dashboard.simulator import figures, markup, upload_form, uploads
from dashboard.simulator.simulation import (
    SimulatedProfile,
    Step,
    decay_path,
    path_of_orders,
    path_of_orders_with_purchase,
    path_with_purchase,
    possible,
    score_one,
)
from data.postgres.counted import Counted
from models.decay import HORIZON_DAYS
from models.segment_model import SegmentModel
from models.window_text import in_last_days, last_days
from runtime.money import Money
from runtime.readable import visible

SUBTITLE = "The segment for given recency, frequency and spend, and its future with and without a purchase."
# Keys of the session state; the first one is a URL parameter, too.
CUSTOMER, FILLED_IN = "customer", "simulator_filled_in"
RECENCY, FREQUENCY, MONETARY, AMOUNT, DATE = (
    f"simulator_{name}" for name in ("recency", "frequency", "monetary", "amount", "date")
)
DEFAULTS = {RECENCY: 45, FREQUENCY: 4, MONETARY: 1_200.0, AMOUNT: 250.0}
LATEST_PURCHASE = timedelta(days=3_650)
WITHOUT, WITH = "If they don’t buy", "If they do"
IMAGINED = (
    "These numbers do not say when each order leaves {}. So orders count until the last one does; the moves of a real "
    "customer, with their numbers unchanged, are exact."
)


def show(engine: Engine, money: Money) -> None:
    """Draw the page."""
    page.show(engine, money, "Simulator", SUBTITLE, partial(_draw, engine))


def profile_of(found: Row[tuple[object, ...]], totals: Counted, model: SegmentModel) -> SimulatedProfile | None:
    """A real customer's profile, with what the model counts; None if they never bought."""
    if found.last_purchase_at is None:
        return None
    return SimulatedProfile(found.last_purchase_at.astimezone(UTC), totals.frequency, spend_before_floor(totals, model))


def _draw(engine: Engine, moment: Moment) -> None:
    page.note_if(window_notes.counted(moment.model))
    inputs, results = st.columns([1, 2.1], gap="large")
    with inputs:
        current, now, ledger = _ask_profile(moment)
        st.html(elements.title("What if they buy?", "A day of event time, at the current hour (UTC)."))
        amount, bought_at = _ask_purchase(now, moment.money)
    with results:
        _draw_results(moment, current, ledger, now, amount, bought_at)
    upload_form.draw(engine, moment.model, moment.personas, moment.money)


def _ask_profile(moment: Moment) -> tuple[SimulatedProfile, datetime, pd.DataFrame | None]:
    """The profile, and the moment it is for: event time, or a real customer's own last event, if that is later.

    Also all orders of a real customer whose numbers were not changed, if the model has a window.
    """
    found = _real_customer(moment)
    real = None
    now = moment.event_time
    if found is not None:
        real = profile_of(found, counted(moment.connection, found, moment.model, now), moment.model)
        now = max(now, found.last_event_at.astimezone(UTC))
    _fill_in(real, now)
    lowest = -float(uploads.MOST_MONEY) if moment.model.monetary == "net" else 0.0
    st.number_input("Days since their last purchase", 0, HORIZON_DAYS, step=1, key=RECENCY, persist_state="session")
    least = 1 if moment.model.window_days is None else 0
    st.number_input("Purchases", least, uploads.MOST_PURCHASES, step=1, key=FREQUENCY, persist_state="session")
    kind = "net of returns" if moment.model.monetary == "net" else "returns not counted"
    st.number_input(
        f"Spend ({in_markdown(moment.money.symbol)}), {kind}",
        lowest,
        float(uploads.MOST_MONEY),
        step=50.0,
        format=f"%.{moment.money.decimals}f",
        key=MONETARY,
        persist_state="session",
    )
    typed = _typed_profile(real, now, moment.money)
    if moment.model.window_days is None:
        return typed, now, None
    if found is not None and typed == real:
        return typed, now, own_orders(moment.connection, found.customer_id)
    return possible(moment.model, typed, now), now, None


def _typed_profile(real: SimulatedProfile | None, now: datetime, money: Money) -> SimulatedProfile:
    """The typed numbers; those of a real customer that were not changed are used exactly."""
    recency, frequency = int(st.session_state[RECENCY]), int(st.session_state[FREQUENCY])
    typed = float(st.session_state[MONETARY])
    same_recency = real is not None and recency == real.recency_days(now)
    same_spend = real is not None and typed == float(real.monetary)
    return SimulatedProfile(
        real.last_purchase_at if real and same_recency else now - timedelta(days=recency),
        frequency,
        real.monetary if real and same_spend else Decimal(str(typed)).quantize(money.smallest),
    )


def _real_customer(moment: Moment) -> Row[tuple[object, ...]] | None:
    """The real customer to start from, whose id may be in the URL; None if there is none who ever bought."""
    typed = st.text_input(
        "Start from a customer",
        key=CUSTOMER,
        bind="query-params",
        max_chars=LONGEST,
        type="search",
        placeholder="12347",
    )
    if not readings(typed):
        return None
    wanted, found = resolve(typed, partial(profile, moment.connection))
    if found is not None and found.last_purchase_at is not None:
        return found
    why = "has never bought anything" if found is not None else "does not exist"
    st.html(f'<div class="sg-banner" role="status">{escape(f"Customer {wanted} {why}.")}</div>')
    return None


def _fill_in(real: SimulatedProfile | None, now: datetime) -> None:
    """Keep the boxes at a real customer's numbers, except for those that the reader has changed.

    The numbers change while the page is open: event time advances, and the customer buys.
    """
    for key, value in DEFAULTS.items():
        st.session_state.setdefault(key, value)
    customer = cleaned(st.session_state[CUSTOMER])
    filled_for, filled = st.session_state.get(FILLED_IN, ("", {}))
    numbers: dict[str, float] = {}
    if real is not None:
        numbers = {RECENCY: real.recency_days(now), FREQUENCY: real.frequency, MONETARY: float(real.monetary)}
    for key, value in numbers.items():
        if customer != filled_for or st.session_state[key] == filled.get(key):
            st.session_state[key] = value
    st.session_state[FILLED_IN] = customer, numbers


def _ask_purchase(now: datetime, money: Money) -> tuple[Decimal, datetime]:
    first, last = now.astimezone(UTC).date(), (now + LATEST_PURCHASE).astimezone(UTC).date()
    chosen = st.session_state.get(DATE, first + timedelta(days=30))
    # Event time may have passed the chosen day.
    st.session_state[DATE] = min(max(chosen, first), last)
    st.number_input(
        f"For how much ({in_markdown(money.symbol)})",
        float(money.smallest),
        float(uploads.MOST_MONEY),
        step=50.0,
        format=f"%.{money.decimals}f",
        key=AMOUNT,
        persist_state="session",
    )
    st.date_input("On", min_value=first, max_value=last, key=DATE, format="YYYY-MM-DD", persist_state="session")
    days = (st.session_state[DATE] - first).days
    return Decimal(str(st.session_state[AMOUNT])).quantize(money.smallest), now + timedelta(days=days)


def _draw_results(
    moment: Moment,
    current: SimulatedProfile,
    ledger: pd.DataFrame | None,
    now: datetime,
    amount: Decimal,
    bought_at: datetime,
) -> None:
    model = moment.model
    personas = [moment.personas[segment.id] for segment in model.segments]
    if ledger is None:
        path = decay_path(model, current, now)
        bought = path_with_purchase(model, current, now, amount, bought_at)
    else:
        path = path_of_orders(model, current, ledger, now)
        bought = path_of_orders_with_purchase(model, current, ledger, now, amount, bought_at)
    who = (current.recency_days(now), current.frequency, float(current.monetary))
    st.html(markup.verdict(personas[path[0].segment], path, personas, who, moment.money))
    paths = {WITHOUT: path, WITH: bought}
    if model.window_days is not None and ledger is None:
        page.note_if(IMAGINED.format(last_days(model.window_days)))
    st.html(elements.title("Two futures", "The triangle is the purchase. Changes have the event times of the stream."))
    alt = ". ".join(f"{name}: {_path_text(steps, personas)}" for name, steps in paths.items())
    figure = figures.futures(paths, personas, figures.horizon(paths))
    st.plotly_chart(figure, key="futures", config=plotting.CONFIG, alt=alt)
    for column, (name, steps) in zip(st.columns(2, gap="medium"), paths.items(), strict=True):
        column.html(markup.steps(name, steps, personas))
    _comparison(moment, current, now, personas)


def _path_text(path: list[Step], personas: list[Persona]) -> str:
    return ", then ".join(f"{visible(personas[step.segment].name)} from {style.stamp(step.at)}" for step in path)


def _comparison(moment: Moment, current: SimulatedProfile, now: datetime, personas: list[Persona]) -> None:
    model = moment.model
    scored = score_one(model, current, now)
    decided = len(model.scored_centroids)
    everyone = SegmentPopulation(moment.model, moment.event_time, [*moment.personas])
    mean_customers = means(moment.connection, everyone).set_index("segment")
    st.html(
        elements.title(
            "Distance to each segment",
            "Distances to the segments’ centroids in the model’s space; the nearest one is the segment"
            + ("" if model.window_days is None else f" of a customer with an order{in_last_days(model.window_days)}"),
        )
    )
    bars, table = st.columns([1, 1.5], gap="medium", vertical_alignment="center")
    names = [visible(persona.name) for persona in personas[:decided]]
    values = scored.distances[0, :decided]
    alt = "; ".join(f"{name} {value:.2f}" for name, value in zip(names, values, strict=True))
    figure = figures.distances(personas[:decided], values)
    bars.plotly_chart(figure, key="distances", config=plotting.CONFIG, alt=f"Distance to each segment: {alt}")
    table.html(markup.compared(current, current.recency_days(now), scored, mean_customers, personas, moment.money))
