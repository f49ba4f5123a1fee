"""Pages as of a past day show what they showed when the stream had reached that day and nothing after it.

The same messages are applied twice: all of them, with another model after the day, and only those up to the day. A page
as of the day reads changes and the ledger of the first stream; the same page of the second one reads the profiles that
the worker had stored.
"""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
import pytest
import streamlit as st
from sqlalchemy import Connection, Engine, func, select

from dashboard.at_risk import past_people, past_slips, slips_queries
from dashboard.at_risk.slips_queries import Slips
from dashboard.customer import page as customer_page
from dashboard.customer import past_life
from dashboard.shared import countries, history, past
from dashboard.shared.personas import personas, slips
from dashboard.shared.reading import progress, reading
from dashboard.shared.risk_list import ORDERS, Wanted, risk_list
from dashboard.shifts import revenue
from data.contract.wire import ModelActivation, Tick, Transaction
from data.postgres.audience_members import at_one_moment, count, moment, parts, totals
from data.postgres.customer_columns import all_customers
from data.postgres.database import engine as connect
from data.postgres.frames import frame
from data.postgres.past_moments import PastError
from data.postgres.pruning import Retention, prune
from data.postgres.tables import segment_changes
from models.audience_text import parse
from models.decay import next_change
from models.rhythm.carried import carrying, rhythm_of
from models.scoring import assign
from models.segment_model import SegmentModel, build
from models.units import to_micros
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import Message
from tests.support.money import POUNDS
from tests.support.pages import a_page, html, words, written_files
from tests.support.postgres import new_database
from tests.support.processed_stream import NOW, live, lived, messages, store
from tests.support.rhythm import a_rhythm

DAY = datetime(2010, 11, 2, tzinfo=UTC)
CHOSEN = {"as_of": f"{DAY:%Y-%m-%d}"}
MOVES = ["day", "from_segment", "to_segment", "cause"]
# Audiences of whom somebody is in each on the day.
AUDIENCES = (
    "everyone",
    "segment = champions, lost",
    "country = France and frequency >= 2",
    "recency_days >= 30 and recency_days <= 200",
    "net_spend >= 100.5 and net_spend <= 900",
    "risk = due, overdue, presumed_lost",
    "at_stake >= 20",
    "moved_from = champions",
    "moved_to = lost and since = 60d",
    "moved_to = lost and since = 2010-09-01 and segment = lost",
)
# Pages that show now, whatever day is chosen.
OF_NOW = ["live", "campaigns", "simulator", "exploration", "model", "operations"]


class Streams(NamedTuple):
    """The whole stream, and the one that stopped on the day; ``model`` was active on the day."""

    whole: Engine
    stopped: Engine
    model: SegmentModel
    customers: list[str]


def a_later_model() -> SegmentModel:
    """Another number of segments, another definition of M, and no predictions."""
    best, lost, _ = a_model().segments
    return build("gross", "log1p", (4.0, 1.0, 6.0), (1.0, 1.0, 1.0), (best, lost))


def a_model_of_then() -> SegmentModel:
    """With predictions that were fitted before the day."""
    rhythm = a_rhythm()
    notes = rhythm.metadata | {"fitted_at": to_micros(DAY - timedelta(days=30))}
    return carrying(a_model(), msgspec.structs.replace(rhythm, metadata=notes))


def around_the_day() -> list[Transaction]:
    """Customers of whom one enters and one decays exactly at the moment, and one enters later on the same day."""
    number, bought, spent = (np.array([each]) for each in (0, 1, 20.0))
    segment = assign(a_model(), number, bought, spent)
    days = int(next_change(a_model(), segment, number, bought, spent).recency_days[0])
    moments = (DAY, DAY - timedelta(days=days), DAY + timedelta(hours=15))
    template = messages()[0]
    return [
        msgspec.structs.replace(
            template, customer_id=f"1240{n}", transaction_id=f"9{n}", occurred_at=at, kind="sale", amount="20.00"
        )
        for n, at in enumerate(moments)
    ]


@pytest.fixture(scope="module")
def streams(postgres_server: str) -> Iterator[Streams]:
    sent = sorted([*messages(), *around_the_day()], key=lambda transaction: transaction.occurred_at)
    model, later = a_model_of_then(), a_later_model()
    known = [each for each in sent if each.occurred_at <= DAY]
    after = [each for each in sent if each.occurred_at > DAY]
    half = len(after) // 2
    tick = Tick(after[half].occurred_at)
    whole: list[Message] = [*known, Tick(DAY), *after[:half], tick, ModelActivation(later), *after[half:], Tick(NOW)]
    with new_database(postgres_server) as whole_url, new_database(postgres_server) as stopped_url:
        found = Streams(connect(whole_url), connect(stopped_url), model, sorted({each.customer_id for each in sent}))
        everything = lived(model, whole)
        exactly = sorted(row["cause"] for row in everything.changes if row["effective_at"] == DAY)
        assert exactly == ["decay", "first_purchase"]
        store(found.whole, later, everything, model)
        store(found.stopped, model, live(model, known, DAY))
        yield found
        found.whole.dispose()
        found.stopped.dispose()
        st.cache_resource.clear()


@pytest.fixture
def whole(streams: Streams) -> Iterator[Connection]:
    with reading(streams.whole) as connection:
        yield connection


@pytest.fixture
def stopped(streams: Streams) -> Iterator[Connection]:
    with reading(streams.stopped) as connection:
        yield connection


def url(engine: Engine) -> str:
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def test_each_customer_is_as_the_customer_page_showed_them_then(
    streams: Streams, whole: Connection, stopped: Connection
) -> None:
    compared = 0
    for customer in streams.customers:
        was = customer_page.read(stopped, streams.model, DAY, customer, POUNDS)
        then = past_life.read(whole, personas(a_later_model()), DAY, customer, POUNDS)
        if was is None:
            assert then is None
            continue
        assert then is not None
        assert then.portrait == was.portrait
        assert then.why == was.why
        assert then.model.version == streams.model.version
        assert then.timeline.outlook == was.timeline.outlook
        pd.testing.assert_frame_equal(then.changes, was.changes)
        for name in ("ledger", "stays", "recency", "spend"):
            pd.testing.assert_frame_equal(getattr(then.timeline, name), getattr(was.timeline, name))
        compared += was.portrait.next_change_at is not None
    assert compared > 20


def test_the_customers_at_risk_are_those_of_then(streams: Streams, whole: Connection, stopped: Connection) -> None:
    found = past_people.read(past.read(whole, DAY), whole)
    rhythm = rhythm_of(streams.model)
    assert rhythm is not None
    was, then = risk_list(all_customers(stopped), rhythm, DAY), past_people.at_risk(found, rhythm)
    assert found.unsettled == 0
    assert len(was.customers.spent) > 40
    for order in ORDERS:
        expected, actual = (each.frame(each.rows(Wanted(), order)) for each in (was, then))
        pd.testing.assert_frame_equal(actual, expected, check_dtype=False)


def test_the_moves_by_time_alone_are_those_of_then(streams: Streams, whole: Connection, stopped: Connection) -> None:
    found = past_people.read(past.read(whole, DAY), whole)
    wanted = Slips(slips(streams.model), DAY, slips_queries.until(DAY, 90))
    assert past_slips.countries(found) == countries.read(stopped)
    for each in (wanted, wanted._replace(worth=200), wanted._replace(countries=["France"])):
        expected = slips_queries.calendar(stopped, each)
        assert len(expected)
        actual = past_slips.calendar(found, each)
        both = (one.sort_values(MOVES[:3], ignore_index=True) for one in (actual, expected))
        pd.testing.assert_frame_equal(next(both), next(both), check_dtype=False)
        for order in slips_queries.ORDERS:
            pages = slips_queries.page(stopped, each, order, 5, 2), past_slips.page(found, each, order, 5, 2)
            was, then = (page.astype({"net_spend": "float64"}) for page in pages)
            pd.testing.assert_frame_equal(then, was, check_dtype=False)


def test_the_history_and_the_revenue_end_with_the_day(streams: Streams, whole: Connection, stopped: Connection) -> None:
    now, was = progress(whole), progress(stopped)
    kept = ((history.read, history.until, MOVES), (revenue.read, revenue.until, ["day", "segment"]))
    for read, until, keys in kept:
        st.cache_resource.clear()
        expected, actual = (
            each.sort_values(keys, ignore_index=True) for each in (read(stopped, was), until(whole, now, DAY))
        )
        assert len(expected) > 100
        pd.testing.assert_frame_equal(actual, expected, check_dtype=False)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("shifts", {"shift_period": "All"}),
        ("shifts", {"shift_period": "30 days", "per_period": "Weeks"}),
        ("at_risk", {}),
        ("at_risk", {"risk_view": "Moves by time alone"}),
        ("audiences", {}),
        ("audiences", {"audience_risk": "Overdue", "audience_order": "Silent longest"}),
        ("audiences", {"audience_moved_to": "Lost", "audience_since": "200d", "audience_net_spend_least": "50"}),
    ],
)
def test_a_page_has_the_words_that_it_had_then(streams: Streams, name: str, query: dict[str, str]) -> None:
    shown = body(a_page(name, url(streams.whole), **query, **CHOSEN).run())
    was = body(a_page(name, url(streams.stopped), **query).run())
    assert shown == was


@pytest.mark.parametrize("view", ["By their own rhythm", "Moves by time alone"])
def test_a_file_has_the_rows_that_it_had_then_and_the_day(
    streams: Streams, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written_files(monkeypatch)
    for engine, query in ((streams.whole, CHOSEN), (streams.stopped, {})):
        html(a_page("at_risk", url(engine), risk_view=view, **query).run())
    then, was = (pd.read_csv(io.BytesIO(file.content), dtype={"customer_id": "str"}) for file in files)
    assert set(then.pop("as_of")) == {"2010-11-02T00:00:00Z"}
    pd.testing.assert_frame_equal(then, was, check_dtype=False)
    assert len(was) > 3


@pytest.mark.parametrize("query", [{}, {"audience_risk": "Overdue"}, {"audience_moved_from": "Champions"}])
def test_a_file_of_an_audience_has_the_rows_that_it_had_then(
    streams: Streams, query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written_files(monkeypatch)
    for engine, chosen in ((streams.whole, CHOSEN), (streams.stopped, {})):
        html(a_page("audiences", url(engine), **query, **chosen).run())
    (then_name, then), (was_name, was) = files
    assert then == was
    assert then.count(b"\n") > 3
    assert then_name == was_name
    assert then_name.endswith("-customers-2010-11-02.csv")


def test_an_audience_has_whom_it_had_then(streams: Streams) -> None:
    compared = 0
    for definition in AUDIENCES:
        found = []
        for engine, at in ((streams.whole, DAY), (streams.stopped, None)):
            with at_one_moment(engine) as connection:
                now = moment(connection, at)
                number = count(connection, parse(definition), now)
                ids = [each for part in parts(connection, parse(definition), now) for each in part.ids()]
                assert len(ids) == number
                found.append((ids, totals(connection, parse(definition), now)))
        assert found[0] == found[1]
        compared += len(found[0][0]) > 0
    assert compared == len(AUDIENCES)


def body(page: Any) -> list[str]:
    """The words of a page from its first number on, without what is said of the past day only."""
    parts = [re.sub(r"<[^>]*>", " ", block.value) for block in page.get("html")]
    assert not page.exception, page.exception
    begin = next(n for n, block in enumerate(page.get("html")) if re.search("sg-totals|sg-stake", block.value))
    return parts[begin:]


@pytest.mark.parametrize("name", ["segments", "at_risk", "audiences", "shifts", "customer"])
def test_a_page_says_which_day_it_shows_and_goes_back_to_now(streams: Streams, name: str) -> None:
    query = {"customer": streams.customers[3]} if name == "customer" else {}
    page = a_page(name, url(streams.whole), **query, **CHOSEN).run()
    shown = words(page)
    assert "As of the past day 2 Nov 2010, 00:00 (UTC)" in shown
    assert "This page shows a past moment; the stream has reached 15 Jun 2011, 09:30." in shown
    assert "As of event time" not in shown
    links = re.findall(r'href="(customer\?[^"]*)"', html(page))
    assert all("as_of=2010-11-02" in link for link in links)
    assert bool(links) == (name != "customer")
    page.button(key="as_of_back").click().run()
    assert "past moment" not in words(page)
    assert "As of event time 15 Jun 2011, 09:30 (UTC)" in words(page)
    assert "as_of" not in page.query_params


@pytest.mark.parametrize("name", OF_NOW)
def test_a_page_without_a_past_says_that_it_shows_now_and_keeps_the_day(streams: Streams, name: str) -> None:
    page = a_page(name, url(streams.whole), **CHOSEN).run()
    assert "This page shows now, not 2 November 2010." in words(page)
    links = re.findall(r'href="(customer\?[^"]*)"', html(page))
    assert all("as_of=2010-11-02" in link for link in links)
    page.button(key="as_of_back").click().run()
    assert "This page shows now" not in words(page)
    assert "as_of" not in page.query_params


def test_a_day_on_which_nobody_had_bought_yet_has_an_audience_of_nobody(streams: Streams) -> None:
    with streams.whole.connect() as connection:
        first = connection.execute(select(func.min(segment_changes.c.effective_at))).scalar_one()
    shown = words(a_page("audiences", url(streams.whole), as_of=f"{first:%Y-%m-%d}").run())
    assert "This page shows a past moment" in shown
    assert "0customers" in shown
    assert "No customer passes all filters: remove one." in shown


def test_moves_that_were_deleted_are_refused_and_later_ones_are_found(
    database_url: str, engine: Engine, processed: Any
) -> None:
    st.cache_resource.clear()
    prune(engine, Retention(changes=timedelta(days=100)), NOW)
    recent = {"as_of": f"{NOW - timedelta(days=20):%Y-%m-%d}", "audience_moved_to": "Lost"}
    ever = words(a_page("audiences", database_url, **recent).run())
    assert "and this audience asks for earlier ones: older changes were deleted." in ever
    since = html(a_page("audiences", database_url, audience_since="60d", **recent).run())
    assert re.search(r'data-customers="[1-9]', since)


def test_a_customer_who_had_not_ordered_yet_is_not_called_unknown(streams: Streams, stopped: Connection) -> None:
    later = [
        each for each in streams.customers if customer_page.read(stopped, streams.model, DAY, each, POUNDS) is None
    ]
    shown = words(a_page("customer", url(streams.whole), customer=later[0], **CHOSEN).run())
    assert f"Customer {later[0]} had no order by 2 Nov 2010, 00:00" in shown
    assert "No customer nobody" in words(a_page("customer", url(streams.whole), customer="nobody", **CHOSEN).run())


def test_a_page_as_of_a_day_says_whose_predictions_it_shows(streams: Streams) -> None:
    for name, query in (("at_risk", {}), ("audiences", {}), ("customer", {"customer": streams.customers[3]})):
        shown = words(a_page(name, url(streams.whole), **query, **CHOSEN).run())
        assert f"those of the model that was active then, {streams.model.version}" in shown
        assert "fitted on the orders up to 3 Oct 2010, and have seen none after this day" in shown


def test_a_revised_order_leaves_the_segment_and_hides_what_would_have_moved_the_customer(
    database_url: str, engine: Engine, model: SegmentModel
) -> None:
    sent = messages()
    known = [each for each in sent if each.occurred_at <= DAY and each.kind == "sale"]
    counts = pd.Series([each.customer_id for each in known]).value_counts()
    once = next(each for each in reversed(known) if counts[each.customer_id] == 1)
    changed = msgspec.structs.replace(once, amount="250000.00", revision=1)
    store(engine, model, lived(model, [*sent, Tick(NOW), changed, Tick(NOW)]))
    with reading(engine) as connection:
        found = past_life.read(connection, personas(model), DAY, once.customer_id, POUNDS)
        people = past_people.read(past.read(connection, DAY), connection)
    assert found is not None
    assert not found.portrait.is_settled
    assert found.portrait.monetary == 250_000
    assert (found.why, found.portrait.next_change_at, found.timeline.outlook) == (None, None, None)
    assert people.unsettled == 1
    page = a_page("customer", database_url, customer=once.customer_id, **CHOSEN).run()
    assert "An order of this customer came late or was revised" in words(page)
    assert "never move by time alone" not in words(page)
    shown = words(a_page("at_risk", database_url, **CHOSEN).run())
    assert "Orders of 1 customer came late or were revised" in shown


@pytest.mark.parametrize("name", ["segments", "at_risk", "audiences", "shifts"])
def test_a_day_before_the_kept_history_is_refused_in_one_line(
    database_url: str, engine: Engine, processed: Any, name: str
) -> None:
    st.cache_resource.clear()
    assert (prune(engine, Retention(changes=timedelta(days=100)), NOW).changes or 0) > 10
    shown = words(a_page(name, database_url, **CHOSEN).run())
    assert "This day can't be shown: the history of changes is whole from" in shown
    assert "older changes were deleted" in shown


def test_a_customer_is_refused_before_the_own_kept_history_only(
    database_url: str, engine: Engine, processed: Any
) -> None:
    prune(engine, Retention(changes=timedelta(days=100)), NOW)
    with engine.connect() as connection:
        query = select(segment_changes).order_by(segment_changes.c.customer_id, segment_changes.c.sequence)
        changes = frame(connection, query)
    shown = {}
    for customer in changes["customer_id"].unique():
        with reading(engine) as connection:
            own = changes[changes["customer_id"] == customer]
            before = own[own["effective_at"] <= DAY]
            if own["sequence"].iloc[0] > 1 and before.empty:
                with pytest.raises(PastError, match="whole from"):
                    past_life.read(connection, {}, DAY, customer, POUNDS)
                shown[customer] = "refused"
                continue
            found = past_life.read(connection, {}, DAY, customer, POUNDS)
        assert (found is None) == before.empty
        if found is not None:
            assert found.portrait.segment == before["to_segment"].iloc[-1]
            shown[customer] = "shown"
    assert {*shown.values()} == {"refused", "shown"}


@pytest.mark.parametrize("name", ["at_risk", "audiences", "shifts", "customer", "live"])
def test_days_in_the_address_that_are_none_show_the_present(streams: Streams, name: str) -> None:
    for hostile in ("<script>alert(1)</script>", "2999-01-01", "\x00", ""):
        shown = html(a_page(name, url(streams.whole), as_of=hostile).run())
        assert "<script" not in shown
        assert "data-as-of" not in shown
        assert "data-shows-now" not in shown
        assert shown.count("data-refused-day") == bool(hostile)


@pytest.mark.parametrize("name", ["segments", "at_risk", "audiences", "shifts", "customer", "live"])
def test_a_day_that_cannot_be_shown_is_named_with_the_reason(streams: Streams, name: str) -> None:
    page = a_page(name, url(streams.whole), as_of="2012-01-01").run()
    beyond = "1 January 2012 can't be shown: the stream has reached 15 June 2011. This page shows now."
    # The line is there for as long as the address asks for the day.
    assert beyond in words(page)
    assert beyond in words(page.run())
    assert page.query_params["as_of"] == "2012-01-01"
    shown = words(a_page(name, url(streams.whole), as_of="2010-13-01").run())
    assert "“2010-13-01” in the address is no day of the form 2011-06-01. This page shows now." in shown


def test_a_day_before_the_history_is_refused_until_another_one_is_chosen(streams: Streams) -> None:
    with streams.whole.connect() as connection:
        first = connection.execute(select(func.min(segment_changes.c.effective_at))).scalar_one()
    page = a_page("shifts", url(streams.whole), as_of="1999-12-31").run()
    begins = f"the known history begins on {first.day} {first:%B %Y}. This page shows now."
    assert f"31 December 1999 can't be shown: {begins}" in words(page)
    page.date_input(key="as_of").set_value(DAY.date()).run()
    assert "can't be shown" not in words(page)
    assert "As of the past day 2 Nov 2010" in words(page)
    assert page.query_params["as_of"] == "2010-11-02"
