"""The simulator: what a customer's numbers mean, where time would take them, and what one purchase would change."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import escape

import streamlit as st
from sqlalchemy import Engine, Row

from dashboard.pages.customer import queries as customers
from dashboard.pages.segments import queries
from dashboard.pages.segments.queries import Among
from dashboard.pages.simulator import figures as charts
from dashboard.pages.simulator import markup, upload_form, uploads
from dashboard.pages.simulator.simulation import Profile, Step, decay_path, path_with_purchase, score_one
from dashboard.shared import elements, page, plotting, style
from dashboard.shared.as_of import event_time
from dashboard.shared.identifiers import LONGEST, cleaned
from dashboard.shared.page import Moment
from dashboard.shared.personas import Persona
from models.decay import HORIZON_DAYS
from models.segment_model import SegmentModel

NOTE = "From recency, frequency and money to a segment and its future, with and without a purchase."
# Keys of the reader's session; the first one is a name in the address too.
CUSTOMER, FILLED_IN = "customer", "simulator_filled_in"
RECENCY, FREQUENCY, MONETARY, AMOUNT, DATE = (
    f"simulator_{name}" for name in ("recency", "frequency", "monetary", "amount", "date")
)
AT_FIRST = {RECENCY: 45, FREQUENCY: 4, MONETARY: 1_200.0, AMOUNT: 250.0}
PENNY, CENT = Decimal("0.01"), 0.01
FURTHEST = timedelta(days=3_650)
WITHOUT, WITH = "If they don’t buy", "If they do"


def show(engine: Engine) -> None:
    """The page."""
    page.show(engine, "Simulator", NOTE, _draw)


def standing_of(found: Row[tuple[object, ...]], model: SegmentModel) -> Profile | None:
    """Where a real customer stands; None if they never bought."""
    if found.last_purchase_at is None:
        return None
    worth = found.gross - found.returned if model.monetary == "net" else found.gross
    return Profile(found.last_purchase_at.astimezone(UTC), found.frequency, worth)


def _draw(moment: Moment) -> None:
    asked, told = st.columns([1, 2.1], gap="large")
    with asked:
        standing, now = _ask(moment)
        st.html(elements.title("What if they buy?", "A day of event time; the hour is that of now (UTC)."))
        amount, bought_at = _ask_purchase(now)
    with told:
        _tell(moment, standing, now, amount, bought_at)
    upload_form.draw(moment.model, moment.personas)


def _ask(moment: Moment) -> tuple[Profile, datetime]:
    """Where they stand, and as of when: event time, or a real customer's own last event, if that is later."""
    found = _somebody(moment)
    real = standing_of(found, moment.model) if found is not None else None
    now = event_time(moment)
    if found is not None:
        now = max(now, found.last_event_at.astimezone(UTC))
    _fill_in(real, now)
    lowest = -float(uploads.MOST_MONEY) if moment.model.monetary == "net" else 0.0
    st.number_input("Days since their last purchase", 0, HORIZON_DAYS, step=1, key=RECENCY, persist_state="session")
    st.number_input("Purchases", 1, uploads.MOST_PURCHASES, step=1, key=FREQUENCY, persist_state="session")
    kind = "net of returns" if moment.model.monetary == "net" else "returns not counted"
    st.number_input(
        f"Spent in pounds, {kind}",
        lowest,
        float(uploads.MOST_MONEY),
        step=50.0,
        format="%.2f",
        key=MONETARY,
        persist_state="session",
    )
    return _standing(real, now), now


def _standing(real: Profile | None, now: datetime) -> Profile:
    """What was typed in; what still is a real customer's own number counts exactly."""
    recency, frequency = int(st.session_state[RECENCY]), int(st.session_state[FREQUENCY])
    typed = float(st.session_state[MONETARY])
    unmoved = real is not None and recency == real.recency_days(now)
    unspent = real is not None and typed == float(real.monetary)
    return Profile(
        real.last_purchase_at if real and unmoved else now - timedelta(days=recency),
        frequency,
        real.monetary if real and unspent else Decimal(str(typed)).quantize(PENNY),
    )


def _somebody(moment: Moment) -> Row[tuple[object, ...]] | None:
    """The real customer to start from, whose id may be in the address; None without one who ever bought."""
    typed = st.text_input(
        "Start from a customer",
        key=CUSTOMER,
        bind="query-params",
        max_chars=LONGEST,
        type="search",
        placeholder="12347",
    )
    wanted = cleaned(typed)
    if not wanted:
        return None
    found = customers.profile(moment.connection, wanted)
    if found is not None and found.last_purchase_at is not None:
        return found
    why = "has never bought anything" if found is not None else "is not known"
    st.html(f'<div class="sg-banner" role="status">{escape(f"Customer {wanted} {why}.")}</div>')
    return None


def _fill_in(real: Profile | None, now: datetime) -> None:
    """Keep a real customer's numbers in the boxes; one that the reader has typed over stays theirs.

    The numbers move while somebody looks: event time goes on, and they buy.
    """
    for key, value in AT_FIRST.items():
        st.session_state.setdefault(key, value)
    whose = cleaned(st.session_state[CUSTOMER])
    before_of, before = st.session_state.get(FILLED_IN, ("", {}))
    own: dict[str, float] = {}
    if real is not None:
        own = {RECENCY: real.recency_days(now), FREQUENCY: real.frequency, MONETARY: float(real.monetary)}
    for key, value in own.items():
        if whose != before_of or st.session_state[key] == before.get(key):
            st.session_state[key] = value
    st.session_state[FILLED_IN] = whose, own


def _ask_purchase(now: datetime) -> tuple[Decimal, datetime]:
    first, last = now.astimezone(UTC).date(), (now + FURTHEST).astimezone(UTC).date()
    chosen = st.session_state.get(DATE, first + timedelta(days=30))
    # Event time may have passed the day that was chosen.
    st.session_state[DATE] = min(max(chosen, first), last)
    st.number_input(
        "For how many pounds",
        CENT,
        float(uploads.MOST_MONEY),
        step=50.0,
        format="%.2f",
        key=AMOUNT,
        persist_state="session",
    )
    st.date_input("On", min_value=first, max_value=last, key=DATE, format="YYYY-MM-DD", persist_state="session")
    days = (st.session_state[DATE] - first).days
    return Decimal(str(st.session_state[AMOUNT])).quantize(PENNY), now + timedelta(days=days)


def _tell(moment: Moment, standing: Profile, now: datetime, amount: Decimal, bought_at: datetime) -> None:
    model = moment.model
    personas = [moment.personas[segment.id] for segment in model.segments]
    path = decay_path(model, standing, now)
    st.html(markup.verdict(personas[path[0].segment], path, personas))
    paths = {WITHOUT: path, WITH: path_with_purchase(model, standing, now, amount, bought_at)}
    st.html(
        elements.title("Two futures", "The triangle is the purchase; every change comes when the stream would send it.")
    )
    alt = ". ".join(f"{name}: {_said(steps, personas)}" for name, steps in paths.items())
    figure = charts.futures(paths, personas, charts.horizon(paths))
    st.plotly_chart(figure, key="futures", config=plotting.CONFIG, alt=alt)
    for column, (name, steps) in zip(st.columns(2, gap="medium"), paths.items(), strict=True):
        column.html(markup.steps(name, steps, personas))
    _compare(moment, standing, now, personas)


def _said(path: list[Step], personas: list[Persona]) -> str:
    return ", then ".join(f"{personas[step.segment].name} from {style.stamp(step.at)}" for step in path)


def _compare(moment: Moment, standing: Profile, now: datetime, personas: list[Persona]) -> None:
    scored = score_one(moment.model, standing, now)
    everybody = Among(moment.model, event_time(moment), [*moment.personas])
    means = queries.means(moment.connection, everybody).set_index("segment")
    st.html(
        elements.title(
            "How far every segment is",
            "Distances to the segments’ centres in the model’s space; the nearest one decides",
        )
    )
    bars, table = st.columns([1, 1.5], gap="medium", vertical_alignment="center")
    alt = "; ".join(f"{persona.name} {value:.2f}" for persona, value in zip(personas, scored.distances[0], strict=True))
    figure = charts.distances(personas, scored.distances[0])
    bars.plotly_chart(figure, key="distances", config=plotting.CONFIG, alt=f"Distance to each segment: {alt}")
    table.html(markup.compared(standing, standing.recency_days(now), scored, means, personas))
