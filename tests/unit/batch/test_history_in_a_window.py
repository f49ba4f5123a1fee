"""Histories under a window: brute force over every day and every expiry against the worker's functions."""

import random

import numpy as np
import pandas as pd
import pytest

from batch.history import expected_changes
from batch.running_totals import RunningTotals
from batch.scorer import Scorer, scored_in_window
from models.personas import name_segments
from models.segment_model import SegmentModel, build
from models.trailing_window import with_window
from models.units import MICROS_PER_DAY as DAY
from stream_app.core.columns import Cause
from stream_app.core.whole_history import Orders, whole_history

CENTROIDS = np.array([(-1.2, 1.5, 1.3), (-0.7, -0.4, -0.3), (0.2, 0.6, 0.6), (0.8, -0.2, 0.0), (1.2, -0.9, -1.0)])
WITHOUT = build("net", "log1p", (3.0, 1.0, 5.0), (1.3, 0.7, 1.4), name_segments(CENTROIDS))


def orders(window_days: int, customers: int = 60) -> pd.DataFrame:
    """Orders and returns of some customers, many at the same moment or exactly one window apart."""
    rng = random.Random(window_days)
    rows = []
    for customer in range(customers):
        moment = rng.randrange(0, 100 * DAY)
        for _ in range(rng.choice([1, 2, 3, 8, 20])):
            moment += rng.choice([0, DAY, window_days * DAY, rng.randrange(1, 30 * DAY)])
            rows.append(
                (f"c{customer:02}", moment, rng.choice(["sale", "sale", "return"]), rng.randrange(1, 4_000_000))
            )
    frame = pd.DataFrame(rows, columns=["customer_id", "moment", "kind", "amount_units"])
    return frame.assign(transaction_id=[f"t{number}" for number in range(len(frame))])


def of_worker(model: SegmentModel, rows: pd.DataFrame, until: int) -> pd.DataFrame:
    ids = rows["customer_id"].unique().tolist()
    customer = rows["customer_id"].map({each: number for number, each in enumerate(ids)}).to_numpy(dtype=np.int64)
    moment, amount = (rows[name].to_numpy(dtype=np.int64) for name in ("moment", "amount_units"))
    found = whole_history(model, ids, Orders(customer, moment, rows["kind"].tolist(), amount), until)
    names, words = [*model.index, None], {cause.value: cause.word for cause in Cause}
    return pd.DataFrame(
        {
            "customer_id": [ids[number] for number in found.customer.tolist()],
            "sequence": found.sequence,
            "from_segment": [names[number] for number in found.from_segment.tolist()],
            "to_segment": [names[number] for number in found.to_segment.tolist()],
            "cause": [words[cause] for cause in found.cause.tolist()],
            "effective_at": found.effective_at,
            "recency_days": found.recency_days,
            "frequency": found.frequency,
            "monetary_units": found.monetary,
            "gross_units": found.gross,
            "returned_units": found.returned,
        }
    )


@pytest.mark.parametrize("window_days", [7, 30, 90])
def test_brute_force_finds_the_changes_that_the_worker_makes(window_days: int) -> None:
    model, rows = with_window(WITHOUT, window_days), orders(window_days)
    until = int(rows["moment"].max()) + 20 * DAY
    events = rows.assign(model_version=model.version)
    ends = pd.Series(until, index=rows["customer_id"].unique())
    expected = expected_changes(events, ends, {model.version: Scorer.of(model)})
    found = of_worker(model, rows, until)
    assert {"expiry", "decay", "purchase", "return", "first_purchase"} == set(found["cause"])
    compared = expected[[*found]].reset_index(drop=True).astype(found.dtypes.to_dict())
    pd.testing.assert_frame_equal(compared, found, check_dtype=False)


@pytest.mark.parametrize("window_days", [7, 30, 90])
def test_following_customers_from_expiry_to_expiry_finds_the_next_change_that_the_worker_makes(
    window_days: int,
) -> None:
    model, rows = with_window(WITHOUT, window_days), orders(window_days)
    now = int(rows["moment"].median())
    known = rows[rows["moment"] <= now]
    sales = known[known["kind"] == "sale"].groupby("customer_id")["moment"].max()
    buyers = pd.DataFrame({"last_purchase_at": pd.to_datetime(sales, unit="us", utc=True).dt.as_unit("us")})
    as_of = pd.Series(pd.to_datetime(now, unit="us", utc=True), index=buyers.index).astype("datetime64[us, UTC]")
    scored = scored_in_window(Scorer.of(model), buyers, as_of, RunningTotals.of(known))
    changes = of_worker(model, known, now + 2 * window_days * DAY)
    before = changes[changes["effective_at"] <= now].drop_duplicates("customer_id", keep="last")
    after = changes[changes["effective_at"] > now].drop_duplicates("customer_id").set_index("customer_id")
    assert scored["segment"].to_dict() == before.set_index("customer_id")["to_segment"].to_dict()
    moves = scored.dropna(subset=["next_change_at"])
    assert len(moves) > 2
    assert moves["next_segment"].to_dict() == after["to_segment"].to_dict()
    assert moves["next_change_at"].astype("int64").to_dict() == after["effective_at"].to_dict()
