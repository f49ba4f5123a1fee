"""Somebody who may not see ids gets the same list and the same file with masked ids."""

from sqlalchemy import Engine, make_url

from dashboard.shared.connection import masked_engine
from dashboard.shared.reading import reading
from data.postgres import roles
from data.postgres.customer_columns import all_customers
from data.postgres.database import migrate
from data.postgres.masked_views import MASK_BEGINS
from tests.support import big_tables
from tests.support.generated_tables import a_model

NUMBER = 200


def test_the_list_of_a_masked_session_has_masked_ids_and_the_same_numbers(database_url: str, engine: Engine) -> None:
    migrate(database_url)
    big_tables.fill(engine, a_model(), NUMBER, NUMBER, NUMBER)
    user = roles.make_login(engine, roles.MASKED, None)
    masked = masked_engine(make_url(database_url).set(username=user).render_as_string(hide_password=False))
    with reading(masked) as connection:
        hidden = all_customers(connection)
    with reading(engine) as connection:
        open_ids = all_customers(connection)
    ids = [hidden.customer_id.of(row) for row in range(NUMBER)]
    assert all(each.startswith(MASK_BEGINS) for each in ids)
    assert len({*ids}) == NUMBER
    assert sorted(hidden.spent.tolist()) == sorted(open_ids.spent.tolist())
    masked.dispose()
