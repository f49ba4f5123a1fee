"""What figures and texts say about money is in the shop's currency, by the rules of its locale."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard.at_risk import slips_figures as slipping
from dashboard.campaigns import figures as campaigns
from dashboard.customer.figures import Timeline, timeline
from dashboard.customer.life import recency_line, spend_steps, stays
from dashboard.exploration import figures as exploration
from dashboard.model import figures as model_figures
from dashboard.segments import figures as segments
from dashboard.shared.flow_figures import sankey
from dashboard.shared.personas import personas
from dashboard.shifts import figures as shifts
from models.campaigns.compare import CampaignComparison, Difference, Group
from runtime.money import Money
from tests.support.generated_tables import a_model
from tests.support.money import EUROS, POUNDS, YEN

MODEL = a_model()
KNOWN = personas(MODEL)
FIRST, SECOND = [*KNOWN][:2]
NOW = datetime(2011, 6, 15, tzinfo=UTC)
AMOUNT = 1234.56
LEDGER = pd.DataFrame(
    [("1", NOW - timedelta(days=9), "sale", AMOUNT)], columns=["transaction_id", "occurred_at", "kind", "amount"]
)
FLOWS = pd.DataFrame([(FIRST, SECOND, 3, AMOUNT)], columns=["from_segment", "to_segment", "changes", "money"])
SLIPS = pd.DataFrame([(NOW, FIRST, 3, AMOUNT)], columns=["day", "from_segment", "customers", "worth"])
MONTHS = pd.DataFrame(
    [(3, 1, AMOUNT, 10.0)], columns=["sales", "returns", "sold", "returned"], index=pd.DatetimeIndex([NOW])
)
BARS = pd.DataFrame({"lower": [1_000.0], "customers": [3]})
BINS = pd.DataFrame({"segment": [FIRST], "bin": [24], "customers": [3]})
PEOPLE = pd.DataFrame(
    {"customer_id": ["1"], "segment": [FIRST], "recency": [3], "frequency": [2], "monetary": [AMOUNT]}
)
BASKETS = pd.DataFrame(
    {"window_end": pd.DatetimeIndex([NOW]), "name": [""], "value": [AMOUNT], "reference": [7.0], "threshold": [9.0]}
).assign(alarm=False)


def _customer(money: Money) -> go.Figure:
    changes = pd.DataFrame({"to_segment": [FIRST], "effective_at": [NOW - timedelta(days=9)]})
    spend = spend_steps(LEDGER, MODEL, 1, AMOUNT, 0.0, NOW)
    shown = Timeline(LEDGER, stays(changes, NOW), recency_line(LEDGER, NOW), spend, NOW, None)
    return timeline(shown, KNOWN, money)


def _ridges(money: Money) -> go.Figure:
    return segments.ridges(BINS, {FIRST: AMOUNT}, KNOWN, "monetary", money)


def _campaign() -> CampaignComparison:
    """A day on which treated customers have spent 1234.56 more each than held-out ones."""
    group = Group(2, np.ones(1), np.ones(1), np.ones(1))
    difference = Difference(np.array([AMOUNT]), np.array([0.0]), np.array([2 * AMOUNT]))
    return CampaignComparison(1, 30, group, group, difference, difference)


def _baskets(money: Money) -> go.Figure:
    return model_figures.drift_lines(BASKETS, {}, {"": "Today"}, ",.0f", None, money)


#: Figures, and how each writes the amount of 1234.56.
FIGURES: dict[str, tuple[Callable[[Money], go.Figure], str]] = {
    "customer": (_customer, "exact"),
    "revenue": (lambda money: exploration.revenue_bars(MONTHS, money), "rounded"),
    "ridges": (_ridges, "exact"),
    "cloud": (lambda money: segments.cloud(PEOPLE, KNOWN, money), "exact"),
    "slips": (lambda money: slipping.slip_bars(SLIPS, KNOWN, "worth", 1, money), "rounded"),
    "sankey": (lambda money: sankey(FLOWS, KNOWN, money, "money"), "rounded"),
    "matrix": (lambda money: shifts.flow_heat_map(FLOWS, KNOWN, money, "money"), "rounded"),
    "moved": (lambda money: shifts.money_bars(FLOWS, KNOWN, money), "short"),
    "baskets": (_baskets, "exact"),
    "campaign": (lambda money: campaigns.difference(_campaign(), "money", money), "exact"),
}


@pytest.mark.parametrize("money", [EUROS, YEN, POUNDS], ids=["euros", "yen", "pounds"])
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_writes_amounts_as_the_shop_does(name: str, money: Money) -> None:
    draw, how = FIGURES[name]
    texts = str(draw(money).to_plotly_json()).replace("\\xa0", "\u00a0")
    assert getattr(money, how)(AMOUNT) in texts
    assert all(symbol not in texts for symbol in {"£", "€", "¥"} - {money.symbol[-1]})


@pytest.mark.parametrize("money", [EUROS, YEN], ids=["euros", "yen"])
def test_the_edges_of_bars_and_axes_are_amounts_of_the_shop(money: Money) -> None:
    bars = exploration.histogram(BARS, [1_000.0, 2_000.0], (1_000,), money)
    assert [*bars.data[0].customdata] == [f"{money.mark(1_000)}–{money.mark(2_000)}"]
    assert [*bars.layout.xaxis.ticktext] == [money.mark(1_000)]
    marks = {note.text for note in model_figures.parallel(MODEL, KNOWN, money).layout.annotations}
    assert money.mark(1_000) in marks


@pytest.mark.parametrize("worth", [0.5, 800_000.0, 1_500_000_000.0])
def test_an_axis_of_money_has_no_letters_of_units_of_measure(worth: float) -> None:
    axis = slipping.slip_bars(SLIPS.assign(worth=worth), KNOWN, "worth", 1, POUNDS).layout.yaxis
    assert axis.ticktext[-1] in {"£0.50", "£800k", "£1.5bn"}
    assert axis.tickvals[-1] == pytest.approx(worth)
