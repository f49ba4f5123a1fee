"""The evidence for definitions of segments: its history is that of the product, and so is its default definition."""

import numpy as np
import pytest

from batch.customer_days import CustomerDays, customer_days
from batch.definitions import Definition, fit_definition, segment_numbers
from batch.fit import fit
from batch.order_book import OrderBook, order_book
from batch.presets import PRESETS, Preset
from batch.profiles import features, profiles_as_of
from batch.segment_evidence import evidence, median_delay, order_auc
from models.moves import EXPIRY, PURCHASE, TIME, direction, moves
from models.scoring import assign
from models.units import MICROS_PER_DAY, from_micros
from tests.support.retail import REAL, retail, small

SALES = small().transactions
PLAIN = Preset(5, "net", "log1p", "standard", 42, 10)


@pytest.fixture(scope="module")
def book() -> OrderBook:
    return order_book(SALES)


@pytest.fixture(scope="module")
def days(book: OrderBook) -> CustomerDays:
    return customer_days(book)


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_a_history_has_the_numbers_that_profiles_have_at_any_moment(
    book: OrderBook, days: CustomerDays, share: float
) -> None:
    begin, end = int(book.moment.min()), int(book.moment.max())
    now = begin + round(share * (end - begin))
    profiles = profiles_as_of(SALES, from_micros(now))
    table = features(profiles, "net")
    known = days.at <= now
    last = np.flatnonzero(known)[np.append(days.customer[known][1:] != days.customer[known][:-1], True)]
    assert [book.customer_ids[number] for number in days.customer[last]] == table.index.tolist()
    assert days.recency[last].tolist() == table["recency"].tolist()
    assert days.frequency[last].tolist() == table["frequency"].tolist()
    assert days.monetary[last] == pytest.approx(table["monetary"].to_numpy())


def test_every_whole_day_of_silence_is_a_row(days: CustomerDays) -> None:
    again = days.customer[1:] == days.customer[:-1]
    assert (np.diff(days.at)[again] >= 0).all()
    waits = days.cause[1:][again] == TIME
    assert (np.diff(days.recency)[again][waits] == 1).all()
    assert (days.recency[days.cause == PURCHASE] == 0).all()


def test_a_window_counts_the_orders_of_its_days_only(book: OrderBook) -> None:
    windowed = customer_days(book, 60)
    ordered = book.is_order == 1
    for row in np.random.default_rng(1).integers(0, len(windowed.at), 300).tolist():
        at, mine = windowed.at[row], book.customer == windowed.customer[row]
        inside = mine & (book.moment > at - 60 * MICROS_PER_DAY) & (book.moment < at)
        before = int((inside & ordered).sum())
        # The row's own order counts; of two orders at the same moment the first row does not know the second.
        assert before <= windowed.frequency[row] <= before + int((mine & ordered & (book.moment == at)).sum())
    assert (windowed.cause == EXPIRY).any()
    assert (windowed.frequency >= 0).all()


@pytest.mark.parametrize("k", [4, 5])
@pytest.mark.parametrize("how", [PLAIN, PRESETS["segue"]], ids=["plain", "segue"])
def test_a_definition_with_a_unit_and_rank_order_is_that_of_fit(
    book: OrderBook, days: CustomerDays, how: Preset, k: int
) -> None:
    end = int(book.moment.max())
    definition = Definition(recency_unit=how.recency_unit, rank_order=how.rank_order)
    fitted = fit_definition(definition, days, end, k)
    model = fit(profiles_as_of(SALES, from_micros(end)), **how._replace(k=k)._asdict()).model
    assert fitted.names == tuple(segment.name for segment in model.segments)
    assert fitted.centroids == pytest.approx(model.centroids)
    numbers = segment_numbers(definition, fitted, days)
    assert (numbers == assign(model, days.recency, days.frequency, days.monetary)).mean() > 0.999


def test_without_a_margin_hysteresis_changes_nothing(book: OrderBook, days: CustomerDays) -> None:
    fitted = fit_definition(Definition(), days, int(book.moment.max()), 5)
    at_once = segment_numbers(Definition(), fitted, days)
    held = segment_numbers(Definition(margin=1e-12), fitted, days)
    assert (at_once == held).mean() > 0.9999
    assert median_delay(days, at_once, at_once) == 0.0


def test_a_customer_moves_when_the_gain_exceeds_the_margin_and_not_before(book: OrderBook, days: CustomerDays) -> None:
    """The whole history of every customer again, one row after the other, without arrays of customers."""
    definition = Definition(recency_unit=14, rank_order=True, margin=0.3)
    fitted = fit_definition(definition, days, int(book.moment.max()), 5)
    held = segment_numbers(definition, fitted, days)
    shaped = np.log1p(np.column_stack([days.recency / 14, days.frequency, days.monetary]))
    distances = (((shaped - fitted.means) / fitted.scales)[:, None] - fitted.centroids[None]) ** 2
    squared, current, customer = distances.sum(axis=2), -1, -1
    for row in range(20_000):
        nearest = int(squared[row].argmin())
        if days.customer[row] != customer or squared[row, current] - squared[row, nearest] > 0.3:
            current = nearest
        customer = int(days.customer[row])
        assert held[row] == current


@pytest.mark.parametrize("unit", [1.0, 60.0])
@pytest.mark.parametrize("k", [3, 5, 7])
def test_in_rank_order_time_never_climbs(book: OrderBook, days: CustomerDays, unit: float, k: int) -> None:
    until = int(book.moment.max()) - 200 * MICROS_PER_DAY
    found = evidence(Definition(recency_unit=unit, rank_order=True, margin=0.1), days, until, k)
    assert found.direction.by_time > 20
    assert found.direction.climbs == 0


def test_segments_know_something_of_orders_to_come(book: OrderBook, days: CustomerDays) -> None:
    begin = int(book.moment.max()) - 90 * MICROS_PER_DAY
    assert order_auc(Definition(), days, book, begin, 5) > 0.6


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="needs the real dataset")
def test_the_numbers_of_the_documentation_hold_on_the_real_dataset() -> None:
    book = order_book(retail().transactions)
    days = customer_days(book)
    for until in (int(book.moment.min()) + 365 * MICROS_PER_DAY, int(book.moment.max())):
        usual = evidence(Definition(), days, until, 5)
        assert usual.direction.climb_share > 0.05
        default = evidence(Definition(recency_unit=90, rank_order=True), days, until, 5)
        assert default.direction.climbs == 0
        assert default.direction.fall_share < 0.01
        assert default.to_and_fro <= 0.2 * usual.to_and_fro
        held = evidence(Definition(recency_unit=90, rank_order=True, margin=0.1), days, until, 5)
        assert (held.direction.climbs, held.direction.fall_share < 0.01) == (0, True)
        assert held.to_and_fro < 0.2 * usual.to_and_fro
        assert held.delay <= 3
        numbers = segment_numbers(Definition(), usual.fitted, days)
        assert direction(moves(days.customer, days.at, days.cause, numbers)) == usual.direction
