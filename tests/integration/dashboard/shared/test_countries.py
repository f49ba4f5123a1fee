"""The countries to choose from, against a real Postgres."""

from sqlalchemy import Engine

from dashboard.shared import countries, reading
from tests.support.generated_tables import Stored


def test_countries_come_most_frequent_first(filled: Engine, stream: Stored) -> None:
    with reading.reading(filled) as connection:
        found = countries.read(connection)
    counts = stream.customers["country"].value_counts()
    assert {*found} == {*counts.index}
    assert [counts[country] for country in found] == sorted(counts, reverse=True)
