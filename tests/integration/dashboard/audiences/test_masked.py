"""Somebody who may not see ids gets the same audience and the same file with masked ids."""

from datetime import UTC, datetime
from io import StringIO

from sqlalchemy import Engine, make_url

from dashboard.audiences import past_found
from dashboard.shared import past
from dashboard.shared.connection import masked_engine
from dashboard.shared.reading import reading
from data.postgres import roles
from data.postgres.audience_members import at_one_moment, moment, parts
from data.postgres.database import migrate
from data.postgres.masked_views import MASK_BEGINS
from models.audience import AudienceDefinition
from services.audience_files import About, write
from tests.support import big_tables
from tests.support.generated_tables import a_model

NUMBER = 200
DAY = datetime(2011, 3, 1, tzinfo=UTC)
DEFINITION = AudienceDefinition(moved_to=("champions",), countries=("United Kingdom",))


def rows(postgres: Engine, size: int) -> list[list[str]]:
    """The rows of the file, whose members are read in parts of a size."""
    with at_one_moment(postgres) as connection:
        now, file = moment(connection), StringIO()
        found = parts(connection, DEFINITION, now, with_rhythm=True, with_stays=True, size=size)
        write(file, found, About({}, now.event_time, "GBP"))
    return [line.split(",") for line in file.getvalue().splitlines()[1:]]


def past_rows(postgres: Engine) -> list[list[str]]:
    """The rows of the file as of a past day."""
    with reading(postgres) as connection:
        found, file = (
            past_found.everybody(connection, past.read(connection, DAY)).find(connection, DEFINITION),
            StringIO(),
        )
    assert found.members is not None
    write(file, [found.members], About({}, DAY, "GBP"))
    return [line.split(",") for line in file.getvalue().splitlines()[1:]]


def test_the_file_of_a_masked_session_has_masked_ids_and_the_same_numbers(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    big_tables.fill(engine, a_model(), NUMBER, NUMBER, NUMBER)
    user = roles.make_login(engine, roles.MASKED, None)
    masked = masked_engine(make_url(database_url).set(username=user).render_as_string(hide_password=False))
    hidden, open_ids = rows(masked, 7), rows(engine, 50)
    assert len({row[0] for row in hidden}) == len(hidden) == len(open_ids) > 10
    assert all(row[0].startswith(MASK_BEGINS) for row in hidden)
    assert sorted(row[1:] for row in hidden) == sorted(row[1:] for row in open_ids)
    then = [past_rows(each) for each in (masked, engine)]
    assert sorted(row[1:] for row in then[0]) == sorted(row[1:] for row in then[1])
    assert all(row[0].startswith(MASK_BEGINS) for row in then[0])
    assert len(then[0]) > 10
    masked.dispose()
