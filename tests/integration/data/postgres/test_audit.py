"""What was done is recorded before it is done, and nobody who acts can take it back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from data.postgres import audit, roles
from data.postgres.audit import Act, Actor
from data.postgres.database import engine
from data.postgres.pruning import Pruned, Retention, prune

ANN = Actor("sub-1", "operator", "ann@example.org")
PAUSE, KEYS = Act("control pause", "the running replay"), Act("keys create", "till")


@pytest.fixture
def dashboard(postgres: Engine, migrated_url: str) -> Iterator[Engine]:
    """The dashboard's own user, whose transactions are read-only by default."""
    user = roles.make_login(postgres, roles.DASHBOARD, None)
    made = engine(make_url(migrated_url).set(username=user).render_as_string(hide_password=False))
    yield made
    made.dispose()


def test_an_act_that_is_done_is_listed_once_with_its_counts(postgres: Engine) -> None:
    with audit.recorded(postgres, ANN, PAUSE, {"speed": "1d/s"}) as found:
        found["datasets"] = ["shop"]
    [act] = audit.acts(postgres, 10)
    assert (act.subject, act.email, act.role) == ("sub-1", "ann@example.org", "operator")
    assert (act.act, act.object, act.outcome) == ("control pause", "the running replay", "done")
    assert act.detail == {"speed": "1d/s", "datasets": ["shop"]}


def test_an_act_that_fails_is_listed_with_the_kind_of_its_error(postgres: Engine) -> None:
    with pytest.raises(LookupError), audit.recorded(postgres, ANN, PAUSE):
        raise LookupError("customer 12347 is not here")
    [act] = audit.acts(postgres, 10)
    assert (act.outcome, act.detail) == ("failed", {"error": "LookupError"})


def test_an_act_whose_end_is_unknown_has_begun(postgres: Engine) -> None:
    audit.add(postgres, ANN, PAUSE, {}, "begun")
    assert audit.acts(postgres, 10)[0].outcome == "begun"


def test_an_act_that_cannot_be_recorded_is_not_done(postgres: Engine, migrated_url: str) -> None:
    user = roles.make_login(postgres, roles.CLOCK, None)
    clock = engine(make_url(migrated_url).set(username=user).render_as_string(hide_password=False))
    done = False
    with pytest.raises(ProgrammingError), audit.recorded(clock, ANN, PAUSE):
        done = True
    clock.dispose()
    assert not done
    assert audit.acts(postgres, 10) == []


def test_a_read_only_dashboard_can_record(postgres: Engine, dashboard: Engine) -> None:
    audit.add(dashboard, ANN, Act("download", "Segments"), {"rows": 3}, "done")
    [act] = audit.acts(postgres, 10)
    assert (act.detail, act.database_user) == ({"rows": 3}, "segue_dashboard_login")
    with pytest.raises(ProgrammingError):
        audit.acts(dashboard, 10)


def test_the_moments_are_those_of_postgres_and_of_the_stream(postgres: Engine) -> None:
    reached = datetime(2010, 12, 1, tzinfo=UTC)
    with postgres.begin() as connection:
        row = "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, event_time) "
        row += "VALUES (:partition, 'log', 0, 0, 'me', :at)"
        connection.execute(text(row), [{"partition": partition, "at": reached} for partition in (0, 1)])
    audit.add(postgres, ANN, PAUSE, {}, "done")
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = NULL WHERE partition = 1"))
        now = connection.execute(text("SELECT now()")).scalar_one()
    audit.add(postgres, ANN, PAUSE, {}, "done")
    newest, oldest = audit.acts(postgres, 10)
    assert (oldest.event_time, newest.event_time) == (reached, None)
    assert oldest.at <= now


def test_acts_are_filtered_by_kind_person_and_moment(postgres: Engine) -> None:
    for actor, act in ((ANN, PAUSE), (ANN, KEYS), (Actor("root@host", "command line"), KEYS)):
        audit.add(postgres, actor, act, {}, "done")

    def kinds(**wanted: object) -> list[tuple[str, str]]:
        return [(each.act, each.subject) for each in audit.acts(postgres, 10, **wanted)]  # type: ignore[arg-type]

    assert kinds(act="keys") == [("keys create", "root@host"), ("keys create", "sub-1")]
    assert kinds(act="control pause") == [("control pause", "sub-1")]
    assert kinds(act="key") == []
    assert kinds(who="ann@example.org", act="keys create") == [("keys create", "sub-1")]
    assert kinds(since=datetime.now(UTC) + timedelta(days=1)) == []


def test_a_long_text_is_cut_and_does_not_stop_an_act(postgres: Engine) -> None:
    audit.add(postgres, Actor("s" * 9_999, "r" * 99), Act("a" * 99, "o" * 9_999), {}, "done")
    [act] = audit.acts(postgres, 10)
    assert [len(each) for each in (act.subject, act.role, act.act, act.object)] == [300, 40, 60, 300]


def test_an_unknown_outcome_is_refused(postgres: Engine) -> None:
    with pytest.raises(SQLAlchemyError):
        audit.add(postgres, ANN, PAUSE, {}, "perhaps")  # type: ignore[arg-type]


def test_old_acts_go_if_they_are_not_kept_indefinitely(postgres: Engine) -> None:
    for _ in range(2):
        audit.add(postgres, ANN, PAUSE, {}, "done")
    with postgres.begin() as connection:
        older = "UPDATE audit SET at = now() - interval '100 days' "
        connection.execute(text(older + "WHERE id = (SELECT min(id) FROM audit)"))
    assert prune(postgres, Retention(), None) == Pruned(None, None, None)
    assert prune(postgres, Retention(acts=timedelta(days=30)), None, dry_run=True) == Pruned(None, None, 1)
    assert prune(postgres, Retention(acts=timedelta(days=30)), None) == Pruned(None, None, 1)
    assert len(audit.acts(postgres, 10)) == 1
