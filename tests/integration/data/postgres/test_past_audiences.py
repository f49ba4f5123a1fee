"""Who was in an audience at a past moment is what pandas computes from the messages, whatever happened since."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text

from batch.fit import fit
from batch.profiles import profiles_as_of
from data.contract.wire import ModelActivation, Tick, Transaction
from data.datasets.dataset import Dataset
from data.datasets.load import load
from data.postgres.audience_members import PART, at_one_moment, count, counts, moment, parts, totals
from data.postgres.database import engine as connect
from data.postgres.past_moments import PastError
from data.postgres.pruning import Retention, prune
from models.audience import AudienceDefinition, Range
from models.rhythm.carried import carrying, rhythm_of
from models.rhythm.risk import RISK_STATES
from models.segment_model import SegmentModel
from models.units import from_micros
from tests.support import shop_files
from tests.support.forgetting import forget_somebody
from tests.support.in_memory_worker import Message
from tests.support.past_audience import NOBODY, known_at, members
from tests.support.postgres import new_database
from tests.support.processed_stream import Lived, lived, store
from tests.support.replayed import moments, replayed
from tests.support.rhythm import a_rhythm

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Shop:
    """What was sent to a stream, what became of it, and the model that was active."""

    sent: Sequence[Message]
    stream: Lived
    model: SegmentModel
    dataset: Dataset
    postgres: Engine

    @property
    def ids(self) -> list[str]:
        return [segment.id for segment in self.model.segments]

    def known(self, at: datetime) -> pd.DataFrame:
        return known_at(self.sent, self.stream.changes, at, rhythm_of(self.model))

    def members(self, definition: AudienceDefinition, at: datetime) -> list[str]:
        return members(self.known(at), self.stream.changes, definition, at)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load(shop_files.generated(tmp_path_factory.mktemp("shop"), days=400))


@pytest.fixture(scope="module")
def models(dataset: Dataset) -> list[SegmentModel]:
    profiles = profiles_as_of(dataset.transactions, dataset.report.last)
    return [carrying(fit(profiles, k=5).model, a_rhythm()), fit(profiles, k=4, monetary="gross").model]


def late_revised_and_cancelled(dataset: Dataset) -> list[Message]:
    """A replay of which every 40th order comes a month late, and later every 45th is another one or none at all."""
    sent = replayed(dataset)
    orders = [each for each in sent if isinstance(each, Transaction) and each.kind == "sale"]
    late = {id(each) for each in orders[::40]}
    found: list[Message] = []
    waiting: list[Transaction] = []
    for each in sent:
        if id(each) in late and isinstance(each, Transaction):
            waiting.append(each)
            continue
        if isinstance(each, Tick):
            come = [one for one in waiting if one.occurred_at + 30 * DAY < each.at]
            found += come
            waiting = [one for one in waiting if one not in come]
        found.append(each)
    found += waiting
    for number, each in enumerate(orders[7::45]):
        kind, amount = ("cancelled", each.amount) if number % 2 else ("sale", "12345.67")
        found.append(msgspec.structs.replace(each, kind=kind, amount=amount, revision=1))
    return [*found, Tick(dataset.report.last)]


@pytest.fixture(scope="module", params=["in order", "late, revised and cancelled"])
def shop(
    request: pytest.FixtureRequest, dataset: Dataset, models: list[SegmentModel], postgres_server: str, migrated: str
) -> Iterator[Shop]:
    sent = replayed(dataset) if request.param == "in order" else late_revised_and_cancelled(dataset)
    stream = lived(models[0], sent)
    with new_database(postgres_server, migrated) as url:
        postgres = connect(url)
        store(postgres, models[0], stream)
        yield Shop(sent, stream, models[0], dataset, postgres)
        postgres.dispose()


def read(postgres: Engine, definition: AudienceDefinition, at: datetime, size: int = PART) -> list[str]:
    with at_one_moment(postgres) as connection:
        found = parts(connection, definition, moment(connection, at), size=size)
        return [each for part in found for each in part.ids()]


def definitions(shop: Shop) -> list[AudienceDefinition]:
    """Each filter alone, and several together."""
    first, second, *_, last = shop.ids
    countries = sorted({each.country for each in shop.sent if isinstance(each, Transaction)})
    return [
        AudienceDefinition(),
        AudienceDefinition(segments=(first, last)),
        AudienceDefinition(countries=(countries[0], "Atlantis")),
        AudienceDefinition(recency_days=Range(20, 90)),
        AudienceDefinition(frequency=Range(3, 7)),
        AudienceDefinition(net_spend=Range(Decimal("150.25"), Decimal(2_000))),
        AudienceDefinition(net_spend=Range(None, Decimal(10) ** 17)),
        AudienceDefinition(risk_states=("due", "presumed_lost")),
        AudienceDefinition(at_stake=Range(Decimal(25), Decimal(400))),
        AudienceDefinition(moved_from=(first,)),
        AudienceDefinition(moved_to=(second, last), since=60),
        AudienceDefinition(moved_from=(second,), since=date(2010, 6, 1)),
        AudienceDefinition(segments=(last,), moved_to=(last,), since=90, recency_days=Range(10, None)),
        AudienceDefinition(risk_states=("overdue",), frequency=Range(2, None), countries=tuple(countries[:2])),
    ]


def test_customers_are_in_the_audiences_that_they_were_in_at_random_moments(shop: Shop) -> None:
    sizes = np.zeros(len(definitions(shop)), dtype=int)
    for at in moments(shop.dataset, 10, seed=5):
        known = shop.known(at)
        expected = [members(known, shop.stream.changes, each, at) for each in definitions(shop)]
        with at_one_moment(shop.postgres) as connection:
            assert counts(connection, definitions(shop), moment(connection, at)) == [len(each) for each in expected]
        for number, (definition, meant) in enumerate(zip(definitions(shop), expected, strict=True)):
            assert read(shop.postgres, definition, at) == meant, (definition, at)
            sizes[number] += len(meant) < len(known) and len(meant) > 0
    # Nearly every filter distinguished customers at some moment.
    assert (sizes > 0).sum() >= len(sizes) - 2


def test_all_that_a_row_says_is_of_that_moment(shop: Shop) -> None:
    for at in moments(shop.dataset, 6, seed=6):
        # The first order may have come late; then nobody was there at its moment.
        at = max(at, shop.dataset.report.first + 10 * DAY)
        known = shop.known(at)
        with at_one_moment(shop.postgres) as connection:
            then = moment(connection, at)
            [part] = parts(connection, AudienceDefinition(), then, with_rhythm=True, with_stays=True)
            sums = totals(connection, AudienceDefinition(), then)
        assert part.found is not None
        assert part.stays is not None
        rows = part.rows.tolist()
        states = [RISK_STATES[number] if number >= 0 else NOBODY for number in part.found.state.tolist()]
        found = pd.DataFrame(
            {
                "customer_id": part.ids(),
                "segment": [part.customers.segment.of(row) for row in rows],
                "previous": [part.stays.previous.of(row) for row in rows],
                "since": [from_micros(int(part.stays.since[row])) for row in rows],
                "country": [part.customers.country.of(row) for row in rows],
                "frequency": part.customers.histories.orders,
                "recency": part.stays.recency_days,
                "state": states,
            }
        )
        pd.testing.assert_frame_equal(found, known[[*found.columns]], check_dtype=False)
        assert part.customers.spent.tolist() == [float(each) for each in known["net"]]
        assert part.found.stake.money == pytest.approx(known["stake"].to_numpy())
        assert sums.customers == len(known)
        assert sums.at_stake == pytest.approx(known["stake"].sum())
        assert sums.net_spend == pytest.approx(float(known["net"].sum()))


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_parts_of_any_size_are_the_same_members_and_begin_after_any_id(shop: Shop, size: int) -> None:
    at = shop.dataset.report.first + 250 * DAY
    for definition in (AudienceDefinition(frequency=Range(2, None)), AudienceDefinition(risk_states=("overdue",))):
        meant = shop.members(definition, at)
        assert len(meant) > 3
        assert read(shop.postgres, definition, at, size) == meant
        with at_one_moment(shop.postgres) as connection:
            rest = parts(connection, definition, moment(connection, at), after=meant[2], size=size)
            assert [each for part in rest for each in part.ids()] == meant[3:]


def test_a_day_before_anybody_had_bought_has_nobody(shop: Shop) -> None:
    for at in (shop.dataset.report.first - DAY, datetime(2, 1, 1, tzinfo=UTC)):
        for definition in (AudienceDefinition(), AudienceDefinition(moved_to=(shop.ids[0],), since=36_500)):
            assert read(shop.postgres, definition, at) == []
            with at_one_moment(shop.postgres) as connection:
                assert count(connection, definition, moment(connection, at)) == 0


def test_a_moment_is_one_instant_later_than_what_happens_after_it(shop: Shop) -> None:
    change = shop.stream.changes[len(shop.stream.changes) // 2]
    definition = AudienceDefinition(moved_to=(change["to_segment"],), since=1)
    at = change["effective_at"]
    assert change["customer_id"] in read(shop.postgres, definition, at)
    before = at - timedelta(microseconds=1)
    assert read(shop.postgres, definition, before) == shop.members(definition, before)


def test_the_model_that_was_active_then_decides_what_is_predicted(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    first, second = models
    sent = replayed(dataset)
    half = len(sent) // 2
    border = next(each for each in sent[half:] if isinstance(each, Tick)).at
    middle = sent.index(Tick(border)) + 1
    changed: list[Message] = [*sent[:middle], ModelActivation(second), *sent[middle:]]
    stream = lived(first, changed)
    store(postgres, second, stream, first)
    overdue, everybody = AudienceDefinition(risk_states=("overdue",)), AudienceDefinition()
    before, after = border - 30 * DAY, border + 30 * DAY
    known = known_at(changed, stream.changes, before, a_rhythm())
    assert read(postgres, overdue, before) == members(known, stream.changes, overdue, before)
    assert len(read(postgres, overdue, before)) > 3
    known = known_at(changed, stream.changes, after, None)
    assert read(postgres, everybody, after) == members(known, stream.changes, everybody, after)
    with pytest.raises(PastError, match=f"the model that was active then, and {second.version} has none"):
        read(postgres, overdue, after)
    with at_one_moment(postgres) as connection:
        assert totals(connection, everybody, moment(connection, after)).at_stake is None


def test_before_there_was_a_model_nobody_was_in_an_audience(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    sent = replayed(dataset)
    half = len(sent) // 2
    stream = lived(None, [*sent[:half], ModelActivation(models[0]), *sent[half:]])
    store(postgres, models[0], stream)
    at = min(each["effective_at"] for each in stream.changes) - DAY
    assert read(postgres, AudienceDefinition(), at) == []
    with pytest.raises(PastError, match="and there was no model yet"):
        read(postgres, AudienceDefinition(risk_states=("due",)), at)
    assert len(read(postgres, AudienceDefinition(), at + 2 * DAY)) > 20


def test_a_moment_at_which_only_some_partitions_had_a_new_model_is_refused(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    sent = replayed(dataset)
    half = len(sent) // 2
    stream = lived(models[0], [*sent[:half], ModelActivation(models[1]), *sent[half:]])
    store(postgres, models[1], stream, models[0])
    with postgres.begin() as connection:
        since = connection.execute(text("SELECT max(model_since) FROM stream_progress")).scalar_one()
        for statement in (
            "UPDATE stream_progress SET model_since = model_since - interval '2 days' WHERE partition = 0",
            "UPDATE model_reigns SET until = until - interval '2 days' WHERE partition = 0",
        ):
            connection.execute(text(statement))
    with pytest.raises(PastError, match="a new model was active on some partitions only"):
        read(postgres, AudienceDefinition(), since - DAY)
    assert read(postgres, AudienceDefinition(), since - 3 * DAY)


def test_moments_that_the_stream_cannot_be_shown_at_are_refused(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    with pytest.raises(PastError, match="not reached any event time"):
        read(postgres, AudienceDefinition(), dataset.report.first)
    store(postgres, models[0], lived(models[0], replayed(dataset)))
    with pytest.raises(PastError, match=r"of event time, and .* is after it"):
        read(postgres, AudienceDefinition(), dataset.report.last + DAY)


def test_after_pruning_the_kept_days_are_as_before_and_moves_that_nobody_knows_any_more_are_refused(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    store(postgres, models[0], lived(models[0], replayed(dataset)))
    ids = tuple(segment.id for segment in models[0].segments)
    kept = timedelta(days=150)
    at = dataset.report.last - kept / 2
    recent = [AudienceDefinition(), AudienceDefinition(moved_to=ids[:2], since=30)]
    before = [read(postgres, each, at) for each in recent]
    assert all(before)
    assert (prune(postgres, Retention(changes=kept), dataset.report.last).changes or 0) > 50
    assert [read(postgres, each, at) for each in recent] == before
    with pytest.raises(PastError, match="whole from"):
        read(postgres, AudienceDefinition(), dataset.report.last - 2 * kept)
    for since in (None, 300):
        ever = AudienceDefinition(moved_to=ids[:2], since=since)
        with pytest.raises(PastError, match="this audience asks for earlier ones: older changes were deleted"):
            read(postgres, ever, at)


def test_forgotten_customers_are_in_no_audience_of_any_day(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    store(postgres, models[0], lived(models[0], replayed(dataset)))
    at = dataset.report.last - 20 * DAY
    before = read(postgres, AudienceDefinition(), at)
    gone = forget_somebody(postgres)
    assert read(postgres, AudienceDefinition(), at) == [each for each in before if each != gone]
    with at_one_moment(postgres) as connection:
        then: Any = moment(connection, at)
        assert then.past.known.forgotten == 1


def test_an_audience_of_now_is_that_of_the_moment_that_the_stream_has_reached(
    dataset: Dataset, models: list[SegmentModel], postgres: Engine
) -> None:
    sent = replayed(dataset)
    stream = lived(models[0], sent)
    store(postgres, models[0], stream)
    for definition in definitions(Shop(sent, stream, models[0], dataset, postgres)):
        with at_one_moment(postgres) as connection:
            now = moment(connection)
            ids = [each for part in parts(connection, definition, now) for each in part.ids()]
            assert count(connection, definition, now) == len(ids)
        assert read(postgres, definition, now.event_time) == ids
