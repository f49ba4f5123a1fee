"""Every formula of buying against numeric integration over rates and probabilities, without a closed form.

A customer with rate L and probability p to leave after an order has the likelihood L^x e^(-L T) (1-p)^(x+1) if they are
still there, and L^x e^(-L t_x) p (1-p)^x if the last order was their last. The trapezoidal rule after the substitutions
ln L and logit p converges faster than any power, so the integrals are exact to rounding.
"""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import betaln, expit, gammaln

from models.rhythm.alive import log_p_alive, p_alive, silence_until_alive_is
from models.rhythm.buying import Buying, log_likelihood
from models.rhythm.histories import Observed
from models.rhythm.next_order import expected_orders, p_order_within, silence_until_order_is, wait_quantile
from models.units import Floats

BUYINGS = st.builds(Buying, st.floats(0.3, 3.0), st.floats(5.0, 200.0), st.floats(0.1, 4.0), st.floats(0.5, 12.0))
ORDERS = st.integers(0, 150)
SHARES = st.floats(0.0, 1.0)
AGES = st.floats(1.0, 900.0)


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    x, age = draw(ORDERS), draw(AGES)
    t_x = 0.0 if x == 0 else age * draw(SHARES)
    return Observed(np.array([float(x)]), np.array([t_x]), np.array([age]))


class Integrals:
    """Integrals over the population of what one customer does, in logarithms until the end."""

    def __init__(self, buying: Buying, seen: Observed) -> None:
        x, t_x, age = (float(part[0]) for part in seen)
        shape = buying.r + x
        slowest = np.log(shape / (buying.alpha + age)) - 40 / shape - 12 / np.sqrt(shape)
        fastest = np.log((shape + 12 * np.sqrt(shape) + 40) / (buying.alpha + t_x))
        log_rate = np.linspace(slowest, fastest, 2_001)[:, None]
        middle = np.log(buying.a / (buying.b + x))
        logit = np.linspace(middle - 45 / buying.a - 20, middle + 45 / buying.b + 20, 4_001)[None, :]
        self.rate, self.leave = np.exp(log_rate), expit(logit)
        log_leave, log_stay = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
        gamma = buying.r * np.log(buying.alpha) - gammaln(buying.r) + buying.r * log_rate - buying.alpha * self.rate
        beta = buying.a * log_leave + buying.b * log_stay - betaln(buying.a, buying.b)
        step = (log_rate[1, 0] - log_rate[0, 0]) * (logit[0, 1] - logit[0, 0])
        self.there_by_rate = gamma + x * log_rate - self.rate * age
        self.there_by_leave = beta + (x + 1) * log_stay
        self.gone_by_rate = gamma + x * log_rate - self.rate * t_x
        self.gone_by_leave = beta + log_leave + x * log_stay
        self.step = np.log(step)

    def there(self) -> float:
        return float(self._log(self.there_by_rate) + self._log(self.there_by_leave) + self.step)

    def total(self) -> float:
        gone = self._log(self.gone_by_rate) + self._log(self.gone_by_leave) + self.step
        return float(np.logaddexp(self.there(), gone))

    def order_within(self, days: float) -> float:
        waits = self._log(self.there_by_rate + np.log(-np.expm1(-self.rate * days)))
        return float(np.exp(waits + self._log(self.there_by_leave) + self.step - self.total()))

    def orders(self, days: float) -> float:
        """Given rate and probability, (1 - e^(-rate p days)) / p orders are expected of a customer who is there."""
        rows = np.exp(self.there_by_rate - self.there_by_rate.max())[:, 0]
        columns = np.exp(self.there_by_leave - self.there_by_leave.max())[0]
        kept = np.flatnonzero(rows > 1e-18), np.flatnonzero(columns > 1e-18)
        rate, leave = self.rate[kept[0]], self.leave[:, kept[1]]
        expected = -np.expm1(-rate * leave * days) / leave
        mean = rows[kept[0]] @ expected @ columns[kept[1]] / (rows.sum() * columns.sum())
        return float(mean * np.exp(self.there() - self.total()))

    @staticmethod
    def _log(values: Floats) -> float:
        return float(np.log(np.exp(values - values.max()).sum()) + values.max())


@settings(max_examples=40)
@given(BUYINGS, observations())
def test_likelihood_and_p_alive_equal_their_integrals(buying: Buying, seen: Observed) -> None:
    integrals = Integrals(buying, seen)
    assert log_likelihood(buying, seen).value[0] == pytest.approx(integrals.total(), rel=1e-9, abs=1e-9)
    assert p_alive(buying, seen)[0] == pytest.approx(np.exp(integrals.there() - integrals.total()), rel=1e-8)


@settings(max_examples=40)
@given(BUYINGS, observations(), st.floats(0.1, 400.0))
def test_the_probability_of_an_order_equals_its_integral(buying: Buying, seen: Observed, days: float) -> None:
    assert p_order_within(buying, seen, days)[0] == pytest.approx(Integrals(buying, seen).order_within(days), rel=1e-8)


@settings(max_examples=25, deadline=None)
@given(BUYINGS, observations(), st.floats(0.1, 400.0))
def test_the_expected_number_of_orders_equals_its_integral(buying: Buying, seen: Observed, days: float) -> None:
    assert expected_orders(buying, seen, days)[0] == pytest.approx(Integrals(buying, seen).orders(days), rel=1e-6)


@pytest.mark.parametrize("a", [1.0, 1.0 + 1e-9, 1.0 - 3e-6, 1.0 + 1e-4])
def test_expected_orders_are_exact_where_the_formula_divides_by_almost_nothing(a: float) -> None:
    buying, seen = Buying(0.7, 50.0, a, 3.0), Observed(np.array([4.0]), np.array([100.0]), np.array([150.0]))
    assert expected_orders(buying, seen, 90.0)[0] == pytest.approx(Integrals(buying, seen).orders(90.0), rel=1e-8)


@pytest.mark.parametrize(("r", "a"), [(1.0, 2.0), (2.0, 2.0), (1.5, 0.5), (0.3, 0.3)])
def test_expected_orders_of_busy_customers_are_exact_where_r_and_a_differ_by_a_whole_number(r: float, a: float) -> None:
    buying, seen = Buying(r, 12.0, a, 5.0), Observed(np.array([120.0]), np.array([20.0]), np.array([25.0]))
    assert expected_orders(buying, seen, 380.0)[0] == pytest.approx(Integrals(buying, seen).orders(380.0), rel=1e-8)


@settings(max_examples=40)
@given(BUYINGS, observations(), st.floats(0.01, 0.99))
def test_the_moment_at_which_p_alive_falls_to_a_border_is_the_inverse(buying: Buying, seen: Observed, p: float) -> None:
    silence = silence_until_alive_is(buying, seen.x, seen.t_x, p)
    then = Observed(seen.x, seen.t_x, seen.t_x + silence)
    if silence[0] == 0:
        assert p_alive(buying, then)[0] <= p + 1e-12
    elif silence[0] < 1e12:
        assert p_alive(buying, then)[0] == pytest.approx(p, abs=1e-12)


@settings(max_examples=60)
@given(BUYINGS, observations(), st.floats(0.01, 0.9), st.floats(1.0, 365.0))
def test_the_moment_at_which_orders_become_unlikely_is_the_inverse(
    buying: Buying, seen: Observed, p: float, days: float
) -> None:
    silence = silence_until_order_is(buying, seen.x, seen.t_x, days, p)
    found = p_order_within(buying, Observed(seen.x, seen.t_x, seen.t_x + silence), days)[0]
    if silence[0] == 0:
        assert found <= p + 1e-12
    else:
        assert found == pytest.approx(p, abs=1e-11)


@given(BUYINGS, observations(), st.floats(0.05, 0.95))
def test_a_quantile_of_the_wait_is_the_inverse_of_its_probability(buying: Buying, seen: Observed, share: float) -> None:
    days = wait_quantile(buying, seen, share)
    if days[0] < 1e12:
        alive = p_alive(buying, seen)[0]
        assert p_order_within(buying, seen, days)[0] == pytest.approx(alive * share, abs=1e-10)


@given(BUYINGS, observations(), st.floats(0.001, 500.0), st.floats(1.0, 365.0))
@example(Buying(3.0, 5.0, 4.0, 0.5), Observed(np.array([150.0]), np.array([0.0]), np.array([900.0])), 1.0, 90.0)
def test_probabilities_fall_with_silence(buying: Buying, seen: Observed, longer: float, days: float) -> None:
    later = Observed(seen.x, seen.t_x, seen.age + longer)
    assert log_p_alive(buying, later)[0] < log_p_alive(buying, seen)[0]
    # After hundreds of usual waits, a probability is smaller than any float, and its logarithm alone falls.
    if p_order_within(buying, seen, days)[0] > np.finfo(np.float64).tiny:
        assert p_alive(buying, later)[0] < p_alive(buying, seen)[0]
        assert p_order_within(buying, later, days)[0] < p_order_within(buying, seen, days)[0]


@given(BUYINGS, observations(), st.floats(0.5, 300.0), st.floats(0.5, 300.0))
def test_more_time_brings_more_orders(buying: Buying, seen: Observed, days: float, more: float) -> None:
    # Equal where all that can come has come, to rounding.
    assert p_order_within(buying, seen, days + more)[0] >= p_order_within(buying, seen, days)[0]
    assert expected_orders(buying, seen, days + more)[0] >= expected_orders(buying, seen, days)[0] * (1 - 1e-12)


@given(BUYINGS, observations(), st.floats(0.5, 300.0))
def test_at_least_as_many_orders_are_expected_as_an_order_is_likely(
    buying: Buying, seen: Observed, days: float
) -> None:
    # `expected_orders` is right to 1e-9.
    assert expected_orders(buying, seen, days)[0] >= p_order_within(buying, seen, days)[0] * (1 - 1e-9) - 1e-9


@given(BUYINGS, st.lists(observations(), min_size=2, max_size=8))
def test_customers_do_not_depend_on_each_other(buying: Buying, several: list[Observed]) -> None:
    together = Observed(*(np.concatenate(parts) for parts in zip(*several, strict=True)))
    silence = silence_until_order_is(buying, together.x, together.t_x, 90.0, 0.1)
    for row, seen in enumerate(several):
        assert silence_until_order_is(buying, seen.x, seen.t_x, 90.0, 0.1)[0] == silence[row]
        assert p_order_within(buying, seen, 30.0)[0] == p_order_within(buying, together, 30.0)[row]


@settings(max_examples=30)
@given(BUYINGS, observations())
def test_the_derivatives_are_those_of_the_likelihood(buying: Buying, seen: Observed) -> None:
    found, logs, step = log_likelihood(buying, seen), np.log([buying.r, buying.alpha, buying.a, buying.b]), 1e-5
    for number in range(4):
        moved = np.eye(4)[number] * step
        above = log_likelihood(Buying(*np.exp(logs + moved)), seen).value[0]
        below = log_likelihood(Buying(*np.exp(logs - moved)), seen).value[0]
        slope = (above - below) / (2 * step)
        assert found.by_log_parameters[number, 0] == pytest.approx(slope, rel=1e-4, abs=1e-5)
    for by, up, down in (
        (found.by_age, (0.0, step), (0.0, -step)),
        (found.by_t_x, (step, 0.0), (-step, 0.0)),
    ):
        values = [
            log_likelihood(buying, Observed(seen.x, seen.t_x + t_x, seen.age + age)).value[0] for t_x, age in (up, down)
        ]
        assert by[0] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-5)
