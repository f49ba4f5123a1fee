"""The model page in its states, in Streamlit's test harness against a real Postgres."""

import re
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, insert, text
from streamlit.testing.v1 import AppTest

from dashboard.model import queries
from dashboard.shared.reading import reading
from data.postgres import model_registry
from data.postgres.tables import drift_alarms, drift_observations, metadata
from models.compare import segment_ids
from models.segment_model import SegmentModel, build
from tests.support.generated_tables import EVENT_TIME, Stored
from tests.support.money import POUNDS
from tests.support.pages import a_page, html, words

CURVE = [{"k": k, "inertia": 1_000.0 / k, "silhouette": 0.3} for k in range(2, 6)]


def another(model: SegmentModel, metadata: dict[str, Any] | None = None) -> SegmentModel:
    """A model of the same segments, whose customers spend less and come less."""
    shifted = tuple(
        msgspec.structs.replace(segment, centroid=tuple(float(number) - 0.8 for number in segment.centroid))
        for segment in model.segments
    )
    return build(model.monetary, model.transform, model.means, model.scales, shifted, metadata)


@pytest.fixture
def page(database_url: str, filled: Engine) -> AppTest:
    return a_page("model", database_url)


@pytest.fixture
def profiles(stream: Stored) -> pd.DataFrame:
    """Everyone who ever bought, counted by pandas."""
    people = stream.customers[stream.customers["frequency"] > 0].set_index("customer_id")
    last = pd.to_datetime(people["last_purchase_at"], utc=True)
    return pd.DataFrame(
        {
            "recency_days": (EVENT_TIME - last).dt.days,
            "frequency": people["frequency"],
            "gross_units": (people["gross"].astype(float) * 10_000).round().astype("int64"),
            "returned_units": (people["returned"].astype(float) * 10_000).round().astype("int64"),
        }
    )


def test_without_tables_or_a_model_it_says_what_to_do(database_url: str, engine: Engine) -> None:
    assert "segue migrate" in words(a_page("model", database_url).run())
    metadata.create_all(engine)
    assert "No segment model yet" in words(a_page("model", database_url).run())


def test_with_one_model_and_no_drift_it_says_how_to_get_more(page: AppTest, model: SegmentModel) -> None:
    shown = words(page.run())
    assert f'data-version="{model.version}"' in html(page)
    assert "There is only one model" in shown
    assert "Drift has not been observed yet" in shown
    assert "segue drift watch" in shown
    assert "segue fit --k auto" in shown
    assert "Alarms" not in shown


def test_the_champion_is_shown_in_original_units_with_the_sizes_of_its_segments(
    page: AppTest, model: SegmentModel, stream: Stored
) -> None:
    rows = dict(re.findall(r'<tr data-segment="(\w+)">(.*?)</tr>', html(page.run())))
    sizes = stream.customers["segment"].value_counts()
    assert set(rows) == {segment.id for segment in model.segments}
    for number, segment in enumerate(model.segments):
        raw = np.expm1(np.array(model.segments[number].centroid) * model.scales + model.means)
        assert f">{raw[0]:,.0f} days<" in rows[segment.id]
        assert f">{POUNDS.exact(raw[2])}<" in rows[segment.id]
        assert f">{sizes[segment.id]:,}<" in rows[segment.id]


def test_the_curve_of_k_is_shown_where_the_model_has_kept_it(
    database_url: str, engine: Engine, model: SegmentModel
) -> None:
    metadata.create_all(engine)
    reason = "k = 3: <b>the knee</b>"
    kept = msgspec.structs.replace(model, metadata={"k_curve": CURVE, "chosen_because": reason})
    model_registry.register(engine, kept)
    _one_partition(engine, model)
    page = a_page("model", database_url).run()
    assert reason in words(page)
    assert "<b>the knee" not in html(page)
    assert len(page.get("plotly_chart")) == 2


def test_a_comparison_counts_who_would_move(
    page: AppTest, filled: Engine, model: SegmentModel, profiles: pd.DataFrame
) -> None:
    challenger = another(model)
    model_registry.register(filled, challenger)
    page.run()
    before, after = segment_ids(profiles, model), segment_ids(profiles, challenger)
    moved = int((before != after).sum())
    assert 0 < moved < len(profiles)
    assert f'data-movers="{moved}" data-compared="{len(profiles)}"' in html(page)
    assert f"segue models activate {challenger.version}" in words(page)
    biggest = profiles.assign(net=profiles["gross_units"] - profiles["returned_units"])[before != after]
    listed = re.findall(r'href="customer\?customer=(\d+)"', html(page))
    assert len(listed) == min(10, moved)
    assert biggest.loc[listed[0], "net"] == biggest["net"].max()


def test_any_two_models_can_be_compared(page: AppTest, filled: Engine, model: SegmentModel) -> None:
    challenger = another(model)
    model_registry.register(filled, challenger)
    page.run().selectbox(key="model_after").set_value(model.version).run()
    assert "Choose two different versions" in words(page)
    page.selectbox(key="model_before").set_value(challenger.version).run()
    assert "data-movers=" in html(page)
    assert "segue models activate" not in words(page)


def test_a_version_that_cannot_be_read_is_left_out(page: AppTest, filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(text("INSERT INTO models (version, spec) VALUES ('broken', '{}')"))
    assert 'data-model="broken"' not in html(page.run())


def test_only_a_sample_is_scored_where_there_are_many(filled: Engine, profiles: pd.DataFrame) -> None:
    with reading(filled) as connection:
        everyone, count = queries.profiles(connection, EVENT_TIME)
        some, same = queries.profiles(connection, EVENT_TIME, limit=30)
    pd.testing.assert_frame_equal(
        everyone.sort_index(), profiles.sort_index(), check_dtype=False, check_index_type=False, check_names=False
    )
    assert count == same == len(profiles)
    assert 0 < len(some) < 60
    assert set(some.index) < set(everyone.index)


def test_drift_is_shown_with_its_alarms(page: AppTest, filled: Engine, model: SegmentModel) -> None:
    _observe(filled, model)
    shown = words(page.run())
    assert "Up to 14 Jun 2011, 00:00: 1 measure in alarm" in shown
    assert "Drift has not been observed yet" not in shown
    assert "Population stability index: recency" in shown
    assert "Share of customers in a segment: <Script>" in shown
    assert "<script>" not in html(page).lower()
    charts = len(page.get("plotly_chart"))
    assert charts == 1 + 3
    assert 'data-alarm="psi"' in html(page)


def test_drift_goes_back_more_than_two_years_and_says_when_observations_began(
    page: AppTest, filled: Engine, model: SegmentModel
) -> None:
    names = [str(number) for number in range(20)]
    with filled.begin() as connection:
        for days in (1_200, 730):
            end = EVENT_TIME - timedelta(days=days)
            same = {"model_version": model.version, "measure": "psi", "value": 0.1, "customers": 50, "alarm": False}
            connection.execute(insert(drift_observations), [same | {"window_end": end, "name": name} for name in names])
    _observe(filled, model)
    with filled.connect() as connection:
        seen = queries.observations(connection, model.version)
    assert seen["window_end"].min() == EVENT_TIME - timedelta(days=730)
    assert "The last 1,000 event days; observations began on 2 Mar 2008" in words(page.run())


def _observe(engine: Engine, model: SegmentModel) -> None:
    ends = [EVENT_TIME.replace(hour=0, minute=0) - timedelta(days=ago) for ago in (3, 2, 1)]
    rows = [
        {
            "model_version": model.version,
            "window_end": end,
            "measure": measure,
            "name": name,
            "value": 0.3,
            "reference": 0.1,
            "threshold": 0.2 if measure == "psi" else None,
            "customers": 50,
            "alarm": (measure, name) == ("psi", "recency"),
        }
        for end in ends
        for measure, name in (
            ("psi", "recency"),
            ("psi", "frequency"),
            ("distance", ""),
            ("share", model.segments[0].id),
        )
    ]
    raised = {"model_version": model.version, "window_end": ends[0], "value": 0.3, "customers": 50}
    with engine.begin() as connection:
        connection.execute(insert(drift_observations), rows)
        connection.execute(insert(drift_alarms).values(id="1", measure="psi", name="recency", **raised))
        connection.execute(insert(drift_alarms).values(id="2", measure="share", name="<script>", **raised))


def _one_partition(engine: Engine, model: SegmentModel) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, event_time, model_version)"
                " VALUES (0, 'log', 1, 1, 'worker', :at, :version)"
            ),
            {"at": EVENT_TIME, "version": model.version},
        )
