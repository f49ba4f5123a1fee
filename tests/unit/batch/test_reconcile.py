"""Reconcile a small stream that plain loops computed, day by day; then reconcile it after each of many defects."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batch.differences import COLUMNS
from batch.fit import fit
from batch.profiles import profiles_as_of
from batch.reconcile import reconcile
from data.postgres.frames import MOMENT
from data.postgres.stream_state import StreamState
from models.personas import name_segments
from models.segment_model import SegmentModel, Transform, build
from tests.support.retail import retail

START = datetime(2011, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PARTITIONS = 3
HORIZON = 100_000

Row = dict[str, Any]


def model_on(transform: Transform) -> SegmentModel:
    centroids = [(-1.2, 1.5, 1.3), (-0.7, -0.4, -0.3), (0.2, 0.6, 0.6), (0.8, -0.2, 0.0), (1.2, -0.9, -1.0)]
    means, scales = (
        ((3.0, 1.0, 5.0), (1.3, 0.7, 1.4)) if transform == "log1p" else ((60.0, 4.0, 400.0), (60.0, 3.0, 400.0))
    )
    return build("net", transform, means, scales, name_segments(np.array(centroids)))


def segment_of(model: SegmentModel, recency: int, frequency: int, units: int) -> str:
    """The segment, computed with plain arithmetic."""
    raw = (recency / model.recency_unit, frequency, max(units, 0) / 10_000)
    shaped = map(math.log1p, raw) if model.transform == "log1p" else raw
    point = [(x - mean) / scale for x, mean, scale in zip(shaped, model.means, model.scales, strict=True)]
    return min(model.segments, key=lambda segment: math.dist(point, segment.centroid)).id


@dataclass
class Customer:
    """The row of one customer while it is being computed."""

    model: SegmentModel
    row: Row
    changes: list[Row] = field(default_factory=list)

    def segment_at(self, moment: datetime) -> str:
        recency = (moment - self.row["last_purchase_at"]).days
        return segment_of(self.model, recency, self.row["frequency"], self.money())

    def money(self) -> int:
        return int(self.row["gross_units"] - self.row["returned_units"])

    def score(self, moment: datetime) -> None:
        """Record the segment of the customer at a time, if it is a new one."""
        segment = self.segment_at(moment)
        if segment == self.row["segment"]:
            return
        change = {
            "customer_id": self.row["customer_id"],
            "sequence": len(self.changes) + 1,
            "from_segment": self.row["segment"],
            "to_segment": segment,
            "effective_at": moment,
            "recency_days": (moment - self.row["last_purchase_at"]).days,
            "frequency": self.row["frequency"],
            "monetary_units": max(self.money(), 0),
            "model_version": self.model.version,
        }
        self.changes.append(change)
        self.row |= {"segment": segment, "segment_since": moment, "sequence": len(self.changes)}

    def wait(self, since: datetime, until: datetime) -> None:
        """Advance day by day."""
        day = self.row["last_purchase_at"]
        while (day := day + DAY) <= until:
            if day > since:
                self.score(day)

    def apply(self, transaction: Row) -> None:
        moment = transaction["occurred_at"]
        if self.row["frequency"]:
            self.wait(self.row["last_event_at"], moment)
        self.row["last_event_at"] = moment
        if transaction["kind"] == "sale":
            self.row["frequency"] += 1
            self.row["gross_units"] += transaction["amount_units"]
            self.row["first_purchase_at"] = self.row["first_purchase_at"] or moment
            self.row["last_purchase_at"] = moment
        else:
            self.row["returned_units"] += transaction["amount_units"]
        if self.row["frequency"]:
            self.score(moment)

    def look_ahead(self, since: datetime) -> None:
        if self.segment_at(self.row["last_purchase_at"] + HORIZON * DAY) == self.row["segment"]:
            return
        for days in range(HORIZON):
            day = self.row["last_purchase_at"] + days * DAY
            if day > since and (segment := self.segment_at(day)) != self.row["segment"]:
                self.row |= {"next_change_at": day, "next_segment": segment}
                return


def a_history(seed: int) -> list[Row]:
    """Half a year of forty customers, some with returns only."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for customer in range(40):
        moment = START + timedelta(days=rng.uniform(0, 120))
        for _ in range(rng.choice([1, 2, 3, 8, 20])):
            kind = "return" if rng.random() < 0.25 or customer % 13 == 5 else "sale"
            moment += timedelta(minutes=rng.expovariate(1 / (60 * 24 * rng.choice([3, 15, 40]))) + 1)
            rows.append(
                {
                    "customer_id": f"c{customer:02}",
                    "occurred_at": moment,
                    "kind": kind,
                    "amount_units": rng.randrange(1, 4_000_000),
                }
            )
    rows.sort(key=lambda row: row["occurred_at"])
    return [{"transaction_id": f"t{number:04}", **row} for number, row in enumerate(rows)]


def table(rows: list[Row], **dtypes: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    moments = [name for name in frame if str(name).endswith("_at") or name in ("segment_since", "event_time")]
    for name in moments:
        frame[name] = pd.to_datetime(frame[name], utc=True).astype(MOMENT)
    return frame.astype(dtypes)


def streamed(rows: list[Row], model: SegmentModel, event_times: list[datetime | None]) -> StreamState:
    """The state of a correct stream at ``event_times``; some customers have later transactions."""
    customers: dict[str, Customer] = {}
    ledger = []
    for row in rows:
        identity = row["customer_id"]
        partition = int(identity[1:]) % PARTITIONS
        event_time = event_times[partition]
        if event_time is None or row["occurred_at"] > event_time + 2 * DAY:
            continue
        ledger.append(row)
        blank: Row = dict.fromkeys(
            (
                "first_purchase_at",
                "last_purchase_at",
                "last_event_at",
                "segment",
                "segment_since",
                "next_change_at",
                "next_segment",
            )
        )
        blank |= {"customer_id": identity, "partition": partition, "model_version": model.version}
        blank |= dict.fromkeys(("frequency", "gross_units", "returned_units", "sequence"), 0)
        customers.setdefault(identity, Customer(model, blank)).apply(row)
    for customer in customers.values():
        if customer.row["frequency"]:
            event_time = event_times[customer.row["partition"]]
            assert event_time is not None
            customer.wait(customer.row["last_event_at"], event_time)
            customer.look_ahead(max(event_time, customer.row["last_event_at"]))
    return StreamState(
        customers=table([customer.row for customer in customers.values()], segment="str", next_segment="str"),
        transactions=table(ledger).assign(revision=0),
        changes=table([change for customer in customers.values() for change in customer.changes], from_segment="str"),
        progress=table(
            [
                {"partition": number, "event_time": time, "model_version": model.version}
                for number, time in enumerate(event_times)
            ]
        ),
    )


EVENT_TIMES: list[datetime | None] = [START + days * DAY for days in (200, 150, 170)]
ROWS = a_history(seed=3)
MODEL = model_on("log1p")
MODELS = {MODEL.version: MODEL}
DATASET = table(ROWS)


@cache
def right() -> StreamState:
    return streamed(ROWS, MODEL, EVENT_TIMES)


@pytest.mark.parametrize("transform", ["log1p", "identity"])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_a_correct_stream_has_no_differences(transform: Transform, seed: int) -> None:
    rows, model = a_history(seed), model_on(transform)
    stream = streamed(rows, model, EVENT_TIMES)
    assert len(stream.changes) > len(stream.customers) > 30
    assert stream.customers["segment"].isna().any()
    assert 0 < stream.customers["next_change_at"].count() < len(stream.customers)
    found = reconcile(table(rows), stream, {model.version: model})
    assert found.columns.tolist() == COLUMNS
    assert found.empty, found.to_string()


def test_an_empty_stream_has_no_differences() -> None:
    nothing = StreamState(right().customers[:0], right().transactions[:0], right().changes[:0], right().progress[:0])
    assert reconcile(DATASET, nothing, MODELS).empty


def test_a_partition_without_a_tick_has_no_due_transactions() -> None:
    stream = streamed(ROWS, MODEL, [EVENT_TIMES[0], None, EVENT_TIMES[2]])
    assert reconcile(DATASET, stream, MODELS).empty


def test_a_repeated_invoice_counts_once() -> None:
    assert reconcile(pd.concat([DATASET, DATASET.sample(20, random_state=1)]), right(), MODELS).empty


Break = Callable[[StreamState], StreamState]


def changed(part: str, row: Callable[[], int] | int, **values: Any) -> Break:
    """A defect: other values in one row of one table; what is callable says its number or value when it is needed."""

    def apply(stream: StreamState) -> StreamState:
        frame = getattr(stream, part).copy()
        for name, value in values.items():
            frame.loc[frame.index[_now(row)], name] = _now(value)
        return replace(stream, **{part: frame})

    return apply


def lost(part: str, row: Callable[[], int] | int) -> Break:
    """A defect: a missing row of one table."""
    return lambda stream: replace(stream, **{part: getattr(stream, part).drop(getattr(stream, part).index[_now(row)])})


def _now(value: Any) -> Any:
    return value() if callable(value) else value


def row_of(frame: pd.DataFrame, condition: pd.Series) -> int:
    return int(np.flatnonzero(condition)[0])


WRONG_MOMENT = pd.Timestamp(START - DAY).as_unit("us")


def buyer() -> int:
    return row_of(right().customers, right().customers["sequence"] > 2)


def never_bought() -> int:
    return row_of(right().customers, right().customers["frequency"] == 0)


def moving() -> int:
    return row_of(right().customers, right().customers["next_change_at"].notna())


def settled() -> int:
    customers = right().customers
    return row_of(customers, (customers["frequency"] > 0) & customers["next_change_at"].isna())


def first_change() -> int:
    return row_of(right().changes, right().changes["customer_id"] == right().customers["customer_id"].iloc[buyer()])


def elsewhere() -> str:
    return next(s.id for s in MODEL.segments if s.id != right().customers["segment"].iloc[buyer()])


def later() -> pd.Timestamp:
    moment: pd.Timestamp = right().customers["next_change_at"].iloc[moving()] + DAY
    return moment


def sooner() -> pd.Timestamp:
    return later() - 2 * DAY


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (changed("customers", buyer, frequency=999), {("customer", "frequency")}),
        (changed("customers", buyer, gross_units=1), {("customer", "gross_units")}),
        (changed("customers", buyer, returned_units=1), {("customer", "returned_units")}),
        (changed("customers", buyer, first_purchase_at=WRONG_MOMENT), {("customer", "first_purchase_at")}),
        (changed("customers", buyer, last_purchase_at=WRONG_MOMENT), {("customer", "last_purchase_at")}),
        (changed("customers", buyer, last_event_at=WRONG_MOMENT), {("customer", "last_event_at")}),
        (changed("customers", buyer, model_version="k5-0"), {("customer", "model_version")}),
        (changed("customers", buyer, segment=elsewhere), {("customer", "segment"), ("history", "segment")}),
        (changed("customers", buyer, segment=None), {("customer", "segment"), ("history", "segment")}),
        (changed("customers", never_bought, segment="lost"), {("customer", "segment"), ("history", "segment")}),
        (changed("customers", buyer, sequence=99), {("history", "sequence")}),
        (changed("customers", buyer, segment_since=WRONG_MOMENT), {("history", "segment_since")}),
        (changed("customers", moving, next_change_at=later), {("customer", "next_change_at")}),
        (changed("customers", moving, next_change_at=sooner), {("customer", "next_change_at")}),
        (changed("customers", moving, next_change_at=None), {("customer", "next_change_at")}),
        (changed("customers", moving, next_segment=None), {("customer", "next_segment")}),
        (changed("customers", settled, next_change_at=later), {("customer", "next_change_at")}),
        (lost("customers", never_bought), {("customer", "row")}),
        (lost("customers", buyer), {("customer", "row"), ("history", "row")}),
        (changed("transactions", 7, amount_units=1), {("ledger", "t0007 amount_units")}),
        (changed("transactions", 7, kind="gift"), {("ledger", "t0007 kind")}),
        (changed("transactions", 7, occurred_at=WRONG_MOMENT), {("ledger", "t0007 occurred_at")}),
        (changed("changes", first_change, sequence=0), {("history", "sequence")}),
        (changed("changes", first_change, from_segment=elsewhere), {("history", "from_segment")}),
        (changed("changes", first_change, frequency=500), {("history", "to_segment")}),
    ],
)  # fmt: skip
def test_every_defect_is_reported_and_nothing_else(break_it: Break, expected: set[tuple[str, str]]) -> None:
    found = reconcile(DATASET, break_it(right()), MODELS)
    assert set(zip(found["what"], found["field"], strict=True)) == expected
    assert found["customer_id"].nunique() == 1


def test_a_difference_has_the_expected_and_the_actual_value() -> None:
    frequency = int(right().customers["frequency"].iloc[buyer()])
    found = reconcile(DATASET, changed("customers", buyer, frequency=999)(right()), MODELS)
    assert found.to_dict("records") == [
        {
            "what": "customer",
            "customer_id": right().customers["customer_id"].iloc[buyer()],
            "field": "frequency",
            "expected": frequency,
            "actual": 999,
        }
    ]


def test_a_skipped_transaction_is_reported() -> None:
    found = reconcile(DATASET, lost("transactions", 0)(right()), MODELS)
    missing = found[found["what"] == "ledger"]
    assert missing[["field", "expected", "actual"]].to_numpy().tolist() == [["t0000", "present", "missing"]]


def test_a_skipped_customer_is_reported() -> None:
    somebody = right().customers["customer_id"].iloc[buyer()]
    without = {part: getattr(right(), part) for part in ("customers", "transactions", "changes")}
    without = {part: frame[frame["customer_id"] != somebody] for part, frame in without.items()}
    found = reconcile(DATASET, StreamState(**without, progress=right().progress), MODELS)
    # The partition of an unknown customer is unknown, so all partitions must have passed the transaction.
    owed = DATASET[(DATASET["customer_id"] == somebody) & (DATASET["occurred_at"] <= min(filter(None, EVENT_TIMES)))]
    assert sorted(found["field"]) == sorted(owed["transaction_id"])
    assert set(found["what"]) == {"ledger"}
    assert len(owed) > 0


def test_a_transaction_that_is_not_in_the_dataset_is_reported() -> None:
    made_up = right().transactions.tail(1).assign(transaction_id="made up")
    stream = replace(right(), transactions=pd.concat([right().transactions, made_up]))
    found = reconcile(DATASET, stream, MODELS)
    assert found[["what", "field", "expected", "actual"]].to_numpy().tolist() == [
        ["ledger", "made up", "missing", "present"]
    ]


def test_a_missing_change_breaks_the_chain() -> None:
    found = reconcile(DATASET, lost("changes", first_change() + 1)(right()), MODELS)
    assert set(found["what"]) == {"history"}
    assert {"sequence", "from_segment"} <= set(found["field"])


def test_a_missing_last_change_contradicts_the_customer_s_segment() -> None:
    last = first_change() + int(right().customers["sequence"].iloc[buyer()]) - 1
    found = reconcile(DATASET, lost("changes", last)(right()), MODELS)
    assert set(zip(found["what"], found["field"], strict=True)) == {
        ("history", "segment"),
        ("history", "segment_since"),
        ("history", "sequence"),
    }


EARLIER = build(
    "net",
    "log1p",
    (1.1, 0.8, 4.5),
    (0.6, 0.9, 1.2),
    name_segments(np.array([(-1, 1, 1), (1, -1, -1)])),
    recency_unit=14.0,
)
BOTH = MODELS | {EARLIER.version: EARLIER}


def test_changes_are_scored_under_the_model_that_made_them() -> None:
    point = {"recency_days": 5, "frequency": 3, "monetary_units": 400_000}
    nearest = segment_of(EARLIER, 5, 3, 400_000)
    (wrong,) = EARLIER.index.keys() - {nearest}
    for to_segment, expected in ((nearest, []), (wrong, [nearest])):
        earlier = {"model_version": EARLIER.version, "to_segment": to_segment, **point}
        found = reconcile(DATASET, changed("changes", first_change, **earlier)(right()), BOTH)
        assert found[found["field"] == "to_segment"]["expected"].tolist() == expected


def test_a_change_under_an_unknown_model_is_reported() -> None:
    found = reconcile(DATASET, changed("changes", first_change, model_version="k5-unheard-of")(right()), MODELS)
    reported = found[["what", "field", "expected"]].to_numpy().tolist()
    assert reported == [["history", "to_segment", "under an unknown model"]]


def test_customers_who_wait_to_be_rescored_differ_in_the_model_version_only() -> None:
    activated = right().progress.assign(model_version=[EARLIER.version, *right().progress["model_version"][1:]])
    found = reconcile(DATASET, replace(right(), progress=activated), BOTH)
    assert set(zip(found["what"], found["field"], strict=True)) == {("customer", "model_version")}
    waiting = right().customers[right().customers["partition"] == 0]
    assert sorted(found["customer_id"]) == sorted(waiting["customer_id"])
    assert set(found["expected"]) == {EARLIER.version}


def test_partitions_may_be_under_different_models() -> None:
    other = streamed(ROWS, EARLIER, EVENT_TIMES)

    def mixed(part: str) -> pd.DataFrame:
        ours, theirs = pd.DataFrame(getattr(right(), part)), pd.DataFrame(getattr(other, part))
        return pd.concat([ours[_home(ours) != 1], theirs[_home(theirs) == 1]], ignore_index=True)

    parts: dict[str, Any] = {part: mixed(part) for part in ("customers", "changes", "progress")}
    found = reconcile(DATASET, replace(right(), **parts), BOTH)
    assert found.empty, found.to_string()


def _home(frame: pd.DataFrame) -> pd.Series:
    return frame["partition"] if "partition" in frame else frame["customer_id"].str[1:].astype(int) % PARTITIONS


def test_every_transaction_is_missing_from_a_stream_that_received_none() -> None:
    transactions = retail().transactions
    end = transactions["occurred_at"].max() + DAY
    model = fit(profiles_as_of(transactions, end)).model
    models = {model.version: model}
    progress = table([{"partition": 0, "event_time": end, "model_version": model.version}])
    empty = StreamState(right().customers[:0], right().transactions[:0], right().changes[:0], progress)
    ledger = transactions.assign(revision=0)[right().transactions.columns]
    nobody = reconcile(transactions, empty, models)
    only_the_ledger = reconcile(transactions, replace(empty, transactions=ledger), models)
    assert len(nobody) == len(transactions)
    assert len(only_the_ledger) == transactions["customer_id"].nunique()
