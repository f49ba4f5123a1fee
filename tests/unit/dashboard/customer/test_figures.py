"""The customer page's figure holds the customer's transactions and stays."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from dashboard.customer.figures import Outlook, Timeline, timeline
from dashboard.customer.life import recency_line, spend_steps, stays
from dashboard.shared.personas import personas
from tests.support.generated_tables import a_model
from tests.support.money import POUNDS

NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
MODEL = a_model()
KNOWN = personas(MODEL)
LEDGER = pd.DataFrame(
    [
        ("1", NOW - timedelta(days=90), "sale", 100.0),
        ("2", NOW - timedelta(days=60), "sale", 400.0),
        ("<b>3", NOW - timedelta(days=50), "return", 25.0),
    ],
    columns=["transaction_id", "occurred_at", "kind", "amount"],
)
CHANGES = pd.DataFrame(
    [("regulars", NOW - timedelta(days=90)), ("champions", NOW - timedelta(days=60))],
    columns=["to_segment", "effective_at"],
)


def _timeline(ledger: pd.DataFrame, changes: pd.DataFrame, outlook: Outlook | None) -> Timeline:
    sales = int((ledger["kind"] == "sale").sum())
    worth = spend_steps(ledger, MODEL, sales, 500.0, 25.0, NOW)
    return Timeline(ledger, stays(changes, NOW), recency_line(ledger, NOW), worth, NOW, outlook)


def test_sales_point_up_and_returns_down_by_their_amounts() -> None:
    figure = timeline(_timeline(LEDGER, CHANGES, None), KNOWN, POUNDS)
    marks = {trace.name: trace for trace in figure.data if trace.mode == "markers"}
    assert np.square(marks["sale"].y).tolist() == pytest.approx([100, 400])
    assert min(marks["sale"].y) > 0
    assert [*marks["return"].y] == pytest.approx([-5])
    assert marks["return"].marker.symbol == "triangle-down"
    assert [text for _, text in marks["return"].customdata] == ["&lt;b&gt;3"]


def test_every_segment_is_a_band_from_its_beginning_to_its_end() -> None:
    figure = timeline(_timeline(LEDGER, CHANGES, None), KNOWN, POUNDS)
    bands = [(shape.fillcolor, shape.x0, shape.x1) for shape in figure.layout.shapes if shape.type == "rect"]
    assert bands == [
        (KNOWN["regulars"].colour, "2011-03-17T09:30:00", "2011-04-16T09:30:00"),
        (KNOWN["champions"].colour, "2011-04-16T09:30:00", "2011-06-15T09:30:00"),
    ]


def test_the_figure_includes_a_near_change_and_not_a_far_one() -> None:
    near = timeline(_timeline(LEDGER, CHANGES, Outlook(NOW + timedelta(days=10), "lost")), KNOWN, POUNDS)
    assert near.layout.shapes[-2].fillcolor == KNOWN["lost"].colour
    assert near.layout.xaxis.range[1] > "2011-06-25"
    far = timeline(_timeline(LEDGER, CHANGES, Outlook(NOW + timedelta(days=9_000), "lost")), KNOWN, POUNDS)
    assert far.layout.xaxis.range[1] < "2011-07"
    assert KNOWN["lost"].colour not in [shape.fillcolor for shape in far.layout.shapes]


def test_moments_are_drawn_in_utc_wherever_they_come_from() -> None:
    ledger = LEDGER.assign(occurred_at=LEDGER["occurred_at"].dt.tz_convert("Asia/Tokyo"))
    marks = [trace for trace in timeline(_timeline(ledger, CHANGES, None), KNOWN, POUNDS).data if trace.name == "sale"]
    assert marks[0].x[0] == "2011-03-17T09:30:00"


def test_a_timeline_without_events_can_be_drawn() -> None:
    nothing = _timeline(LEDGER[:0], CHANGES[:0], None)
    assert timeline(nothing, KNOWN, POUNDS).to_json()
    only_returned = timeline(_timeline(LEDGER[2:], CHANGES[:0], None), KNOWN, POUNDS)
    assert "sale" in [trace.name for trace in only_returned.data]


def test_moments_without_a_transaction_are_drawn_as_dates() -> None:
    # A browser guesses the kind of an axis from the transactions, and draws dates on an axis of numbers as NaN.
    figure = timeline(_timeline(LEDGER[:0], CHANGES, Outlook(NOW + timedelta(days=10), "lost")), KNOWN, POUNDS)
    assert {axis.type for axis in figure.select_xaxes()} == {"date"}
