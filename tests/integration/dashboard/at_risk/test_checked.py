"""Predicted against actual on the page "At risk", against loops over the messages that the worker applied."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
import pytest
import streamlit as st
from sqlalchemy import Engine, make_url, text
from streamlit.testing.v1 import AppTest

from dashboard.at_risk.checked import CheckCache, Checked
from dashboard.shared.connection import masked_engine
from dashboard.shared.reading import progress, reading
from data.contract.wire import ModelActivation, Tick
from data.postgres import roles
from data.postgres.database import migrate
from models.rhythm.carried import carrying
from models.rhythm.rhythm_model import RhythmModel
from models.segment_model import SegmentModel
from models.units import to_micros
from tests.support.builders import recency_model
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import Message
from tests.support.pages import a_page, html, words
from tests.support.predicted_by_hand import by_hand
from tests.support.processed_stream import NOW, lived, messages, store
from tests.support.rhythm import a_rhythm

DAY = timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0, minute=0)


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def model(fitted: datetime) -> SegmentModel:
    """The model of the generated tables, with predictions that were fitted at a moment."""
    return carrying(a_model(), rhythm(fitted))


def rhythm(fitted: datetime, lost_below: float = 0.1) -> RhythmModel:
    """A rhythm model that was fitted at a moment."""
    notes = a_rhythm().metadata | {"fitted_at": to_micros(fitted)}
    return msgspec.structs.replace(a_rhythm(lost_below), metadata=notes)


def stored(engine: Engine, champion: SegmentModel, sent: list[Message] | None = None) -> None:
    store(engine, champion, lived(champion, [*(messages() if sent is None else sent), Tick(NOW)]))


def opened(database_url: str, **query: str) -> AppTest:
    return a_page("at_risk", database_url, **query).run()


def compared(page: AppTest) -> tuple[int, float, int, int] | None:
    """Customers, predicted, ordered and days of the sentence; None without one."""
    sentence = r'data-checked="(\d+)" data-predicted="([\d.]+)" data-ordered="(\d+)" data-days="(\d+)"'
    found = re.search(sentence, html(page))
    return None if found is None else (int(found[1]), float(found[2]), int(found[3]), int(found[4]))


def expected(end: datetime, days: int, sent: list[Message] | None = None) -> tuple[int, object, int, int]:
    found = by_hand(a_rhythm(), messages() if sent is None else sent, end - days * DAY, days)
    return found.customers, pytest.approx(found.predicted, abs=0.001), found.ordered, days


def test_the_page_says_what_was_predicted_90_days_ago_and_what_happened(database_url: str, engine: Engine) -> None:
    stored(engine, model(NOW - 200 * DAY))
    page = opened(database_url)
    assert compared(page) == expected(MIDNIGHT, 90)
    assert "Predicted and what happened" in words(page)
    assert "Meanwhile" not in words(page)


def test_a_young_model_is_compared_over_30_days(database_url: str, engine: Engine) -> None:
    stored(engine, model(NOW - 60 * DAY))
    assert compared(opened(database_url)) == expected(MIDNIGHT, 30)


def test_what_a_model_has_seen_is_never_compared(database_url: str, engine: Engine) -> None:
    stored(engine, model(MIDNIGHT - 30 * DAY + timedelta(microseconds=1)))
    page = opened(database_url)
    assert compared(page) is None
    assert "will be compared with what happens from 16 Jun 2011 on" in words(page)
    assert "201 of 500 customers order. Actual: 190." in words(page)


def test_a_past_day_shows_what_could_be_said_then(database_url: str, engine: Engine) -> None:
    stored(engine, model(NOW - 200 * DAY))
    page = opened(database_url, as_of="2011-04-01")
    assert compared(page) == expected(datetime.fromisoformat("2011-04-01T00:00Z"), 90)
    # The model was fitted in the morning of 27 November, so the first whole days begin with the 28th.
    for day in ("2010-12-20", "2010-12-27"):
        early = opened(database_url, as_of=day)
        assert compared(early) is None
        assert "will be compared with what happens from 28 Dec 2010 on" in words(early)
    first = opened(database_url, as_of="2010-12-28")
    assert compared(first) == expected(datetime.fromisoformat("2010-12-28T00:00Z"), 30)


def test_an_earlier_model_is_compared_until_the_present_one_can_be(database_url: str, engine: Engine) -> None:
    old, new = model(NOW - 200 * DAY), carrying(recency_model(), rhythm(NOW - 12 * DAY, 0.2))
    sent = messages()
    activated = [each for each in sent if each.occurred_at <= NOW - 10 * DAY]
    later = [each for each in sent if each.occurred_at > NOW - 10 * DAY]
    both: list[Message] = [*activated, Tick(NOW - 10 * DAY), ModelActivation(new), *later, Tick(NOW)]
    store(engine, new, lived(old, both), old)
    page = opened(database_url)
    assert compared(page) == expected(MIDNIGHT, 90)
    assert f"Predicted by the model that was active then, {old.version}" in words(page)
    assert "The present predictions are compared from 6 Jul 2011 on." in words(page)


def test_the_active_model_is_another_one_beside_the_predictions_of_a_champion_that_is_not_active_yet(
    database_url: str, engine: Engine
) -> None:
    active, champion = model(NOW - 200 * DAY), carrying(recency_model(), rhythm(NOW - 100 * DAY, 0.2))
    store(engine, champion, lived(active, [*messages(), Tick(NOW)]), active)
    page = opened(database_url)
    assert compared(page) == expected(MIDNIGHT, 90)
    assert f"Predicted by the model that was active then, {active.version}" in words(page)
    assert "The page now shows another model’s predictions." in words(page)


def test_predictions_of_a_model_that_is_not_active_yet_are_said_to_be_such(database_url: str, engine: Engine) -> None:
    active, champion = a_model(), carrying(recency_model(), rhythm(NOW - 100 * DAY))
    store(engine, champion, lived(active, [*messages(), Tick(NOW)]), active)
    page = opened(database_url)
    assert compared(page) is None
    assert "their model is not active on all partitions" in words(page)
    assert "which orders" not in words(page)


def test_a_young_stream_is_compared_over_30_days_under_an_old_model(database_url: str, engine: Engine) -> None:
    young: list[Message] = [each for each in messages() if each.occurred_at > NOW - 70 * DAY]
    stored(engine, model(NOW - 300 * DAY), young)
    assert compared(opened(database_url)) == expected(MIDNIGHT, 30, young)


def test_one_customer_is_one_customer(database_url: str, engine: Engine) -> None:
    alone: list[Message] = [each for each in messages() if each.customer_id == "12300"]
    stored(engine, model(NOW - 200 * DAY), alone)
    page = opened(database_url)
    assert compared(page) == expected(MIDNIGHT, 90, alone)
    assert "Of 1 customer on " in words(page)
    assert "too few customers to say" in words(page)


def test_customers_who_all_stop_ordering_are_a_warning(database_url: str, engine: Engine) -> None:
    stopped: list[Message] = [each for each in messages(600) if each.occurred_at <= MIDNIGHT - 90 * DAY]
    stored(engine, model(NOW - 200 * DAY), stopped)
    page = opened(database_url)
    assert "data-counts-wrong" in html(page)
    assert "segue fit --from-stream" in words(page)
    past = opened(database_url, as_of=f"{MIDNIGHT:%Y-%m-%d}")
    assert compared(past) == compared(page)
    assert "data-counts-wrong" in html(past)
    assert "segue fit" not in words(past)


def test_orders_that_were_cancelled_since_count_nothing(database_url: str, engine: Engine) -> None:
    sent = messages()
    cancelled: list[Message] = [
        msgspec.structs.replace(each, kind="cancelled", revision=1)
        for each in sent
        if each.kind == "sale" and each.occurred_at > NOW - 120 * DAY
    ]
    stored(engine, model(NOW - 200 * DAY), [*sent, *cancelled])
    found = compared(opened(database_url))
    assert found == expected(MIDNIGHT, 90, [*sent, *cancelled])
    assert found is not None
    assert found[2] == 0


def test_a_page_without_predictions_has_no_comparison(database_url: str, engine: Engine) -> None:
    stored(engine, a_model())
    page = opened(database_url)
    assert compared(page) is None
    assert "No predictions: this model was fitted without them." in words(page)


def test_masked_readers_see_the_same_numbers(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    stored(engine, model(NOW - 200 * DAY))
    user = roles.make_login(engine, roles.MASKED, None)
    masked = masked_engine(make_url(database_url).set(username=user).render_as_string(hide_password=False))
    hidden, shown = (read(CheckCache(), each) for each in (masked, engine))
    assert hidden.compared is not None
    assert shown.compared is not None
    assert hidden.compared.check.ordered == shown.compared.check.ordered > 0
    assert hidden.compared.check.predicted == pytest.approx(shown.compared.check.predicted)
    masked.dispose()


def test_a_comparison_is_read_once_for_an_event_day_and_again_after_a_revision(
    database_url: str, engine: Engine
) -> None:
    stored(engine, model(NOW - 200 * DAY))
    cache = CheckCache()
    first = read(cache, engine)
    assert read(cache, engine, NOW + timedelta(hours=3)) is first
    with engine.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET revisions = revisions + 1"))
    again = read(cache, engine)
    assert again is not first
    assert again == first
    assert read(cache, engine, NOW + DAY) != first


def read(cache: CheckCache, engine: Engine, at: datetime = NOW) -> Checked:
    with reading(engine) as connection:
        return cache.read(connection, progress(connection), at, a_rhythm())
