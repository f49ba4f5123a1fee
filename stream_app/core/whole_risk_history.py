"""The whole history of risk states under one rhythm model, as if it had been active from the beginning. Pure.

It is to risk states what :mod:`stream_app.core.whole_history` is to segments: every order counts from its own event
time, and the function that decides every risk state in the worker decides it here, too.
"""

from models.rhythm.rhythm_model import RhythmModel
from stream_app.core.columns import LONG_AGO, Profiles
from stream_app.core.risk import apply_risk
from stream_app.core.risk_columns import ActiveRhythm, RiskChanges, Risks
from stream_app.core.states import unfold
from stream_app.core.whole_history import Orders


def whole_risk_history(rhythm: RhythmModel, customer_id: list[str], orders: Orders, until: int) -> RiskChanges:
    """All risk changes of some customers that are effective by a moment.

    Parameters
    ----------
    customer_id
        The id of each customer, by number.
    orders
        All of these customers' orders up to the moment; returns change nothing.
    until
        In microseconds.

    Returns
    -------
    RiskChanges
        ``customer`` is the number of the customer, and ``record`` the row of the order.
    """
    nobody_yet = Profiles.new(customer_id)
    states = unfold(nobody_yet, orders.records(), until)
    return apply_risk(ActiveRhythm(rhythm), Risks.none(len(nobody_yet)), nobody_yet, states, LONG_AGO).changes
