"""The benchmark of the dashboard's pages: a page without its numbers is no fast page."""

from sqlalchemy import Engine, text

from benchmarks.dashboard_pages import measure
from tests.support.generated_tables import a_model
from tests.support.processed_stream import live, messages, store


def test_a_page_that_shows_no_numbers_says_why(postgres: Engine, migrated_url: str) -> None:
    model = a_model()
    store(postgres, model, live(model, messages(20)))
    [shown] = measure(migrated_url, None, 1, (("segments", {}),))
    assert (shown.trouble, len(shown.again)) == ("", 1)
    with postgres.begin() as connection:
        connection.execute(text("DELETE FROM model_aliases"))
    [without] = measure(migrated_url, None, 1, (("segments", {}),))
    assert without.trouble == "No segment model yet"
