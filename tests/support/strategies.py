"""Hypothesis strategies: segment models and streams with late, repeated and simultaneous transactions."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import strategies as st

from data.contract.wire import ModelActivation, Tick, Transaction
from models.rhythm.buying import Buying
from models.rhythm.calibration import Calibration
from models.rhythm.carried import carrying
from models.rhythm.rhythm_model import Calibrations, RhythmModel, build_rhythm
from models.rhythm.seasonal_clock import CALENDAR, SeasonalClock
from models.rhythm.spending import Spending
from models.segment_model import Segment, SegmentModel, build
from models.trailing_window import with_window
from tests.support.in_memory_worker import Message

START = datetime(2010, 1, 1, tzinfo=UTC)

_coordinate = st.floats(-2.5, 2.5).map(lambda number: round(number, 3))


@st.composite
def segment_models(draw: st.DrawFn) -> SegmentModel:
    """A model of up to six segments on either transform, some with a recency unit."""
    count = draw(st.integers(1, 6))
    centroids = draw(
        st.lists(st.tuples(_coordinate, _coordinate, _coordinate), min_size=count, max_size=count, unique=True)
    )
    transform = draw(st.sampled_from(["log1p", "identity"]))
    logarithmic, plain = ((3.0, 1.0, 4.0), (1.2, 0.7, 1.5)), ((90.0, 3.0, 80.0), (80.0, 3.0, 90.0))
    means, scales = logarithmic if transform == "log1p" else plain
    unit = draw(st.sampled_from([1.0, 1.0, 30.0]))
    if unit != 1:
        recency = (1.0, 0.6) if transform == "log1p" else (90.0 / unit, 80.0 / unit)
        means, scales = (recency[0], *means[1:]), (recency[1], *scales[1:])
    segments = tuple(
        Segment(f"s{number}", f"Segment {number}", "", "#000000", "", centroid)
        for number, centroid in enumerate(centroids)
    )
    return build(draw(st.sampled_from(["net", "gross"])), transform, means, scales, segments, None, unit)  # type: ignore[arg-type]


@st.composite
def windowed_models(draw: st.DrawFn) -> SegmentModel:
    """A model that mostly has a window, of a week to two years."""
    model = draw(segment_models())
    return with_window(model, draw(st.integers(7, 700))) if draw(st.integers(0, 3)) else model


@st.composite
def transactions(draw: st.DrawFn, number: int) -> Transaction:
    """A transaction of one of a few customers; some ids repeat, and many moments are the same."""
    customer = draw(st.integers(0, 4))
    # The content follows from the id, so that a repeated id is a duplicate and not a contradiction.
    identity = draw(st.integers(0, number)) if draw(st.booleans()) else number
    spread = (identity * 7919 + customer * 31) % 400
    return Transaction(
        transaction_id=f"T{identity}",
        customer_id=f"C{customer}",
        occurred_at=START + timedelta(days=spread, hours=(identity * 5) % 24),
        kind="return" if (identity + customer) % 4 == 0 else "sale",
        amount=f"{(identity * 37) % 300}.{identity % 10}",
        currency="GBP",
        country="United Kingdom",
        lines=[],
    )


@st.composite
def streams(draw: st.DrawFn, models: bool = False) -> list[Message]:
    """Transactions in any order, so that many are late, ticks that may go back, and a last tick past everything."""
    messages: list[Message] = []
    for number in range(draw(st.integers(1, 40))):
        kind = draw(st.integers(0, 9))
        if kind == 0:
            messages.append(Tick(START + timedelta(days=draw(st.integers(0, 420)))))
        elif kind == 1 and models:
            messages.append(ModelActivation(draw(segment_models())))
        else:
            messages.append(draw(transactions(number)))
    if draw(st.booleans()):
        messages.sort(key=_moment)
    return [*messages, Tick(START + timedelta(days=draw(st.integers(400, 1_500))))]


def _moment(message: Message) -> datetime:
    match message:
        case Transaction():
            return message.occurred_at
        case Tick():
            return message.at
    return START


@st.composite
def rhythm_models(draw: st.DrawFn) -> RhythmModel:
    """A rhythm model of customers who come back within days or months, on a clock with seasons or without."""
    buying = Buying(
        *(draw(st.floats(*bounds)) for bounds in ((0.3, 3.0), (5.0, 80.0), (0.1, 3.0), (0.5, 8.0))),
    )
    rates = st.lists(st.floats(0.4, 2.5), min_size=24, max_size=24).map(lambda rates: SeasonalClock(tuple(rates)))
    line = Calibration(draw(st.floats(-0.5, 0.5)), draw(st.floats(0.6, 1.4)))
    calibrations = Calibrations(line, line, 1.0)
    clock = draw(st.just(CALENDAR) | rates)
    return build_rhythm(buying, clock, Spending(2.4, 3.8, 410.0), calibrations, draw(st.floats(0.02, 0.6)))


@st.composite
def predicting_models(draw: st.DrawFn) -> SegmentModel:
    """A segment model that mostly carries a rhythm model."""
    model = draw(segment_models())
    return carrying(model, draw(rhythm_models())) if draw(st.integers(0, 3)) else model


def predicted_streams() -> st.SearchStrategy[list[Message]]:
    """A stream with revisions and cancellations, in which models with and without a rhythm model become active."""
    return _revised_streams(predicting_models())


def windowed_streams() -> st.SearchStrategy[list[Message]]:
    """A stream with revisions and cancellations, in which models with windows and without become active."""
    return _revised_streams(windowed_models())


@st.composite
def _revised_streams(draw: st.DrawFn, models: st.SearchStrategy[SegmentModel]) -> list[Message]:
    messages: list[Message] = []
    for message in draw(streams()):
        messages.append(message)
        kind = draw(st.integers(0, 9))
        sent = [each for each in messages if isinstance(each, Transaction)]
        if kind == 0:
            messages.append(ModelActivation(draw(models)))
        elif kind == 1 and sent:
            old = draw(st.sampled_from(sent))
            to = draw(st.sampled_from(["cancelled", "cancelled", "sale"]))
            earlier = old.occurred_at - timedelta(days=draw(st.sampled_from([0, 40])))
            changes = {"kind": to, "occurred_at": earlier, "revision": old.revision + 1}
            messages.append(msgspec.structs.replace(old, **changes))
    return messages
