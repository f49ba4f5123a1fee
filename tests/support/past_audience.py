"""Who was in an audience at a past moment, by brute force in pandas from the messages that were sent.

It shares only the mathematics of predictions with what it checks.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from data.contract.wire import Transaction
from models.audience import AudienceDefinition, Range
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.rhythms import rhythms
from models.rhythm.risk import RISK_STATES
from models.units import to_micros
from tests.support.in_memory_worker import Message
from tests.support.last_revisions import last_revisions

NOBODY = "no state"


def known_at(
    sent: Sequence[Message], changes: Sequence[dict[str, Any]], at: datetime, rhythm: RhythmModel | None
) -> pd.DataFrame:
    """Every customer who was in a segment, in the order of ids, with all that filters ask for.

    Parameters
    ----------
    sent
        All messages; of several revisions of an order, the last one counts.
    changes
        All changes that were published.
    """
    orders = last_revisions(sent)
    rows = []
    for customer in sorted({each["customer_id"] for each in changes}):
        published = [each for each in changes if each["customer_id"] == customer and each["effective_at"] <= at]
        if published:
            own = [each for each in orders if each.customer_id == customer]
            rows.append(_row(customer, own, max(published, key=lambda each: each["sequence"]), at))
    return _with_predictions(pd.DataFrame(rows), at, rhythm)


def members(
    known: pd.DataFrame, changes: Sequence[dict[str, Any]], definition: AudienceDefinition, at: datetime
) -> list[str]:
    """Those of them who pass all filters."""
    inside = pd.Series(True, index=known.index)
    texts = {"segment": definition.segments, "country": definition.countries, "state": definition.risk_states}
    for column, wanted in texts.items():
        inside &= known[column].isin(wanted) if wanted else True
    numbers = {"recency": definition.recency_days, "frequency": definition.frequency, "net": definition.net_spend}
    for column, ends in (numbers | {"stake": definition.at_stake}).items():
        inside &= np.array([_is_within(number, ends) for number in known[column]], dtype=bool)
    if definition.moved_from or definition.moved_to:
        movers = {each["customer_id"] for each in changes if _is_meant(each, definition, at)}
        inside &= known["customer_id"].isin(movers)
    return known.loc[inside, "customer_id"].tolist()


def _row(customer: str, own: list[Transaction], last: dict[str, Any], at: datetime) -> dict[str, Any]:
    happened = [each for each in own if each.occurred_at <= at]
    sales = [each for each in happened if each.kind == "sale"]
    bought = [each.occurred_at for each in sales]
    spent = sum((Decimal(each.amount) for each in sales), Decimal(0))
    spent -= sum((Decimal(each.amount) for each in happened if each.kind == "return"), Decimal(0))
    otherwise = max((each.occurred_at for each in happened), default=last["effective_at"])
    return {
        "customer_id": customer,
        "segment": last["to_segment"],
        "previous": last["from_segment"] or "",
        "since": last["effective_at"],
        "country": max(own, key=lambda each: each.occurred_at).country,
        "frequency": len(sales),
        "net": spent,
        "first": min(bought, default=otherwise),
        "last": max(bought, default=otherwise),
        "recency": (at - max(bought, default=otherwise)).days,
    }


def _with_predictions(known: pd.DataFrame, at: datetime, rhythm: RhythmModel | None) -> pd.DataFrame:
    if rhythm is None or known.empty:
        return known.assign(state=NOBODY, stake=0.0)
    first, last = (
        np.array([to_micros(moment.to_pydatetime()) for moment in known[name]]) for name in ("first", "last")
    )
    histories = Histories(first, last, np.maximum(known["frequency"].to_numpy(), 1))
    own = rhythms(rhythm, histories, np.array([float(net) for net in known["net"]]), to_micros(at))
    ordered = (known["frequency"] > 0).to_numpy()
    state = np.where(ordered, np.array(RISK_STATES)[own.state], NOBODY)
    return known.assign(state=state, stake=np.where(ordered, own.stake.money, 0.0))


def _is_within(number: Any, ends: Range) -> bool:
    return (ends.least is None or number >= ends.least) and (ends.most is None or number <= ends.most)


def _is_meant(change: dict[str, Any], definition: AudienceDefinition, at: datetime) -> bool:
    since = datetime(1, 1, 1, tzinfo=UTC)
    if isinstance(definition.since, int):
        since = at - timedelta(days=definition.since)
    elif definition.since is not None:
        since = datetime(definition.since.year, definition.since.month, definition.since.day, tzinfo=UTC)
    return (
        since <= change["effective_at"] <= at
        and (not definition.moved_from or change["from_segment"] in definition.moved_from)
        and (not definition.moved_to or change["to_segment"] in definition.moved_to)
    )
