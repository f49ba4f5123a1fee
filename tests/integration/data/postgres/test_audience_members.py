"""Who is in an audience, against a real Postgres; pandas on the same rows is the oracle."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from msgspec import json
from sqlalchemy import Engine, delete, text, update

from data.postgres import audience_members, audiences
from data.postgres.audience_members import at_one_moment, count, ids_of, moment, parts, totals
from data.postgres.tables import customers, models, stream_progress
from models.audience import NO_STATE, AudienceDefinition, AudienceError, Range
from models.rhythm.histories import Histories
from models.rhythm.rhythms import rhythms
from models.rhythm.risk import RISK_STATES
from models.segment_model import to_json
from models.units import to_micros
from runtime.errors import NotFoundError
from tests.support.generated_tables import EVENT_TIME, Stored, a_model, a_stream, store
from tests.support.rhythm import a_rhythm, store_predictions

NUMBER = 400
#: One of them.
ORDERS_GONE = "10001"
MONTH_AGO = EVENT_TIME - timedelta(days=30)


@pytest.fixture(scope="module")
def stream() -> Stored:
    """Some hundred customers, one of whom has no order left."""
    made = a_stream(a_model(), NUMBER)
    gone = made.customers["customer_id"] == ORDERS_GONE
    people = made.customers.astype({"first_purchase_at": object, "last_purchase_at": object})
    people.loc[gone, ["first_purchase_at", "last_purchase_at"]] = None
    people.loc[gone, ["frequency", "gross"]] = 0
    return Stored(people, made.changes, made.progress)


@pytest.fixture
def filled(postgres: Engine, stream: Stored) -> Engine:
    """A database with these rows, whose champion carries predictions."""
    store(postgres, a_model(), stream)
    store_predictions(postgres)
    return postgres


@pytest.fixture(scope="module")
def known(stream: Stored) -> pd.DataFrame:
    """Every customer with a segment, with all that filters ask for, computed from the rows."""
    people = stream.customers[stream.customers["segment"].notna()].sort_values("customer_id").reset_index(drop=True)
    last_event = pd.to_datetime(people["last_event_at"], utc=True)
    last = pd.to_datetime(people["last_purchase_at"], utc=True).fillna(last_event)
    first = pd.to_datetime(people["first_purchase_at"], utc=True).fillna(last_event)
    first_at, last_at = (np.array([to_micros(at.to_pydatetime()) for at in part]) for part in (first, last))
    histories = Histories(first_at, last_at, np.maximum(people["frequency"].to_numpy(), 1))
    net = people["gross"] - people["returned"]
    own = rhythms(a_rhythm(), histories, net.to_numpy(), to_micros(EVENT_TIME))
    ordered = people["frequency"] > 0
    # Nobody has an event of their own after event time.
    recency = (EVENT_TIME - last).dt.days
    return people.assign(
        net=net,
        recency=recency,
        state=np.where(ordered, own.state, NO_STATE),
        stake=np.where(ordered, own.stake.money, 0.0),
    )


def members(postgres: Engine, definition: AudienceDefinition, size: int = audience_members.PART) -> list[str]:
    with at_one_moment(postgres) as connection:
        found = parts(connection, definition, moment(connection), size=size)
        return [each for part in found for each in part.ids()]


def moved(stream: Stored, **wanted: str | datetime) -> set[str]:
    changes = stream.changes
    for column in ("from_segment", "to_segment"):
        if column in wanted:
            changes = changes[changes[column] == wanted[column]]
    if "since" in wanted:
        changes = changes[changes["effective_at"] >= wanted["since"]]
    return {*changes["customer_id"]}


def test_every_customer_with_a_segment_is_in_an_audience_without_filters(filled: Engine, known: pd.DataFrame) -> None:
    assert members(filled, AudienceDefinition()) == known["customer_id"].tolist()


def said(postgres: Engine, definition: AudienceDefinition, size: int) -> list[tuple[object, ...]]:
    """All that a list says of each member, read in parts of a size."""
    with at_one_moment(postgres) as connection:
        now = moment(connection)
        return [
            (
                part.customers.customer_id.of(row),
                *(
                    coded.of(row)
                    for coded in (part.customers.country, part.customers.segment, part.customers.next_segment)
                ),
                part.stays.previous.of(row) if part.stays else None,
                part.stays.recency_days[row] if part.stays else None,
            )
            for part in parts(connection, definition, now, with_rhythm=True, with_stays=True, size=size)
            for row in part.rows.tolist()
        ]


Inside = Callable[[pd.DataFrame], "pd.Series[bool]"]
FILTERS: dict[str, tuple[AudienceDefinition, Inside]] = {
    "segments": (
        AudienceDefinition(segments=("champions", "lost")),
        lambda k: k["segment"].isin(["champions", "lost"]),
    ),
    "countries": (AudienceDefinition(countries=("France",)), lambda k: k["country"] == "France"),
    "recency": (AudienceDefinition(recency_days=Range(30, 90)), lambda k: k["recency"].between(30, 90)),
    "frequency": (AudienceDefinition(frequency=Range(3, None)), lambda k: k["frequency"] >= 3),
    "spend": (
        AudienceDefinition(net_spend=Range(Decimal("100.5"), Decimal(600))),
        lambda k: k["net"].between(100.5, 600),
    ),
    "risk": (AudienceDefinition(risk_states=("due", "presumed_lost")), lambda k: k["state"].isin([1, 3])),
    "stake": (AudienceDefinition(at_stake=Range(Decimal(50), None)), lambda k: k["stake"] >= 50),
}


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_lets_through_whom_it_says(name: str, filled: Engine, known: pd.DataFrame) -> None:
    definition, inside = FILTERS[name]
    expected = known.loc[inside(known), "customer_id"].tolist()
    assert 0 < len(expected) < len(known)
    assert members(filled, definition) == expected


def test_parts_say_the_same_of_everybody_although_each_has_other_texts(filled: Engine, known: pd.DataFrame) -> None:
    whole = said(filled, AudienceDefinition(), audience_members.PART)
    labels = known[["customer_id", "country", "segment"]].itertuples(index=False, name=None)
    assert [row[:3] for row in whole] == [*labels]
    assert said(filled, AudienceDefinition(), 2) == whole
    for name in ("segments", "recency", "risk"):
        definition, inside = FILTERS[name]
        ids = {*known.loc[inside(known), "customer_id"]}
        assert said(filled, definition, 29) == [row for row in whole if row[0] in ids]


@pytest.mark.parametrize("since", [None, 30, MONTH_AGO.date()])
def test_a_move_is_one_change_that_has_left_and_entered_since_then(
    since: int | date | None, filled: Engine, known: pd.DataFrame, stream: Stored
) -> None:
    bound = datetime.min.replace(tzinfo=EVENT_TIME.tzinfo)
    if since is not None:
        bound = MONTH_AGO if since == 30 else MONTH_AGO.replace(hour=0, minute=0)
    meant = moved(stream, from_segment="champions", to_segment="lost", since=bound)
    definition = AudienceDefinition(moved_from=("champions",), moved_to=("lost",), since=since)
    assert members(filled, definition) == sorted(meant)
    assert 0 < len(meant) < len(moved(stream, from_segment="champions"))


def test_filters_are_joined_by_and(filled: Engine, known: pd.DataFrame, stream: Stored) -> None:
    definition = AudienceDefinition(
        countries=("United Kingdom",), net_spend=Range(Decimal(100), None), risk_states=("overdue", "presumed_lost"),
        moved_to=("lost",),
    )  # fmt: skip
    meant = known[(known["country"] == "United Kingdom") & (known["net"] >= 100) & known["state"].isin([2, 3])]
    meant = meant[meant["customer_id"].isin(moved(stream, to_segment="lost"))]
    assert len(meant) > 3
    assert members(filled, definition) == meant["customer_id"].tolist()


@pytest.mark.parametrize("size", [1, 7, NUMBER])
def test_parts_of_any_size_are_the_same_members(size: int, filled: Engine) -> None:
    definition = AudienceDefinition(risk_states=("overdue",))
    assert members(filled, definition, size) == members(filled, definition)


def test_counts_and_sums_are_those_of_the_members(filled: Engine, known: pd.DataFrame) -> None:
    with at_one_moment(filled) as connection:
        now = moment(connection)
        for definition, inside in FILTERS.values():
            meant = known[inside(known)]
            found = totals(connection, definition, now)
            assert count(connection, definition, now) == found.customers == len(meant)
            assert found.net_spend == pytest.approx(meant["net"].sum())
            assert found.at_stake == pytest.approx(meant["stake"].sum())


def test_a_row_has_the_days_since_when_and_the_segment_before(
    filled: Engine, known: pd.DataFrame, stream: Stored
) -> None:
    with at_one_moment(filled) as connection:
        [part] = parts(connection, AudienceDefinition(), moment(connection), with_rhythm=True, with_stays=True)
    assert part.stays is not None
    assert part.found is not None
    last = stream.changes.sort_values("sequence").groupby("customer_id").last()["from_segment"]
    before = [part.stays.previous.of(row) for row in part.rows]
    assert before == ["" if pd.isna(last[each]) else last[each] for each in known["customer_id"]]
    assert part.stays.recency_days.tolist() == known["recency"].tolist()
    assert part.stays.since.tolist() == [to_micros(at.to_pydatetime()) for at in known["segment_since"]]
    assert part.found.state.tolist() == known["state"].tolist()
    gone = part.ids().index(ORDERS_GONE)
    assert (part.found.state[gone], part.found.stake.money[gone]) == (NO_STATE, 0)


def test_the_ids_of_a_saved_audience_come_with_their_moment(filled: Engine, known: pd.DataFrame) -> None:
    definition = AudienceDefinition(segments=("champions",), risk_states=("overdue",))
    audiences.replace(filled, "Overdue Champions", definition)
    found = ids_of(filled, "Overdue Champions")
    meant = known[(known["segment"] == "champions") & (known["state"] == RISK_STATES.index("overdue"))]
    assert [*found.ids] == meant["customer_id"].tolist()
    assert (found.event_time, found.audience.definition) == (EVENT_TIME, definition)


def test_without_predictions_only_filters_that_need_none_are_answered(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(update(models).values(spec=json.decode(to_json(a_model()))))
    with at_one_moment(filled) as connection:
        now = moment(connection)
        assert totals(connection, AudienceDefinition(), now).at_stake is None
        for definition in (AudienceDefinition(risk_states=("due",)), AudienceDefinition(at_stake=Range(1, None))):
            with pytest.raises(NotFoundError, match="need a model with predictions"):
                count(connection, definition, now)


def test_before_the_first_tick_there_is_no_moment(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(update(stream_progress).values(event_time=None))
    with at_one_moment(filled) as connection, pytest.raises(NotFoundError, match="has not reached any event time"):
        moment(connection)


def test_hostile_texts_are_texts(filled: Engine) -> None:
    odd = "'; DROP TABLE customers; -- \" é\u202e\U0001f600"
    with filled.begin() as connection:
        connection.execute(text("UPDATE customers SET country = :odd WHERE customer_id = '10003'"), {"odd": odd})
    assert members(filled, AudienceDefinition(countries=(odd,))) == ["10003"]


def test_saving_replaces_and_an_unknown_name_is_said_with_what_helps(postgres: Engine) -> None:
    first, second = AudienceDefinition(countries=("France",)), AudienceDefinition(countries=("Spain",))
    audiences.replace(postgres, "B", first)
    audiences.replace(postgres, "B", second)
    audiences.replace(postgres, "A", first)
    with postgres.connect() as connection:
        readable, _ = audiences.listed(connection)
        assert [(each.name, each.definition) for each in readable] == [("A", first), ("B", second)]
        with pytest.raises(NotFoundError, match="there is no audience 'C'"):
            audiences.find(connection, "C")
        with pytest.raises(NotFoundError, match="there is no audience"):
            audiences.find(connection, "\0")
    audiences.remove(postgres, "A")
    with pytest.raises(NotFoundError, match="there is no audience 'A'"):
        audiences.remove(postgres, "A")


def test_saving_the_same_again_is_no_change(postgres: Engine) -> None:
    audiences.replace(postgres, "A", AudienceDefinition())
    with postgres.connect() as connection:
        before = audiences.find(connection, "A")
    audiences.replace(postgres, "A", AudienceDefinition())
    with postgres.connect() as connection:
        assert audiences.find(connection, "A") == before


def test_an_audience_of_nobody_is_empty(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(delete(customers))
    assert members(filled, AudienceDefinition()) == []


def test_what_somebody_else_has_saved_meanwhile_is_not_replaced(postgres: Engine) -> None:
    first, second = AudienceDefinition(countries=("France",)), AudienceDefinition(countries=("Spain",))
    audiences.save(postgres, "A", first, None)
    for known in (None, second):
        with pytest.raises(AudienceError, match="somebody else has saved or deleted the audience 'A' meanwhile"):
            audiences.save(postgres, "A", AudienceDefinition(), known)
    audiences.save(postgres, "A", second, first)
    with postgres.connect() as connection:
        assert audiences.find(connection, "A").definition == second
    audiences.remove(postgres, "A")
    with pytest.raises(AudienceError, match="meanwhile"):
        audiences.save(postgres, "A", first, second)


def test_a_definition_that_could_not_be_read_again_is_not_saved(postgres: Engine) -> None:
    long = AudienceDefinition(countries=tuple(f"Country {number}" for number in range(400)))
    with pytest.raises(AudienceError, match="more than 4,000 characters"):
        audiences.save(postgres, "A", long, None)


def test_an_audience_of_a_later_version_hides_no_other_one_and_can_be_deleted(postgres: Engine) -> None:
    audiences.save(postgres, "A", AudienceDefinition(), None)
    with postgres.begin() as connection:
        connection.execute(text("INSERT INTO audiences (name, definition) VALUES ('B', 'star_sign = leo')"))
    with postgres.connect() as connection:
        readable, unreadable = audiences.listed(connection)
    assert [each.name for each in readable] == ["A"]
    assert "B can't be read" in unreadable[0]
    audiences.remove(postgres, "B")
