"""The result that every contender must reach, computed by DuckDB from the invoices' JSON.

Nothing of Segue's code takes part. DuckDB parses the invoices, adds them up customer by customer with window functions,
and asks for the nearest centroid after every invoice, and, for decay, on every whole day since the last purchase in
between. A change is an answer that differs from the one before.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb
from duckdb import DuckDBPyConnection

from models.segment_model import SegmentModel

_INVOICES = """
CREATE TABLE invoices AS
SELECT row_number() OVER () AS place, customer_id, transaction_id, epoch_us(occurred_at) AS moment, kind,
  CAST(amount AS DECIMAL(18, 4)) AS amount
FROM read_json(?, format = 'newline_delimited', columns = {customer_id: 'VARCHAR', transaction_id: 'VARCHAR',
  occurred_at: 'TIMESTAMPTZ', kind: 'VARCHAR', amount: 'VARCHAR'})
"""
_STATES = """
CREATE TABLE states AS
SELECT *,
  coalesce(lead(as_of) OVER (PARTITION BY customer_id ORDER BY place), greatest(as_of, {until})) AS ends
FROM (
  SELECT place, customer_id, transaction_id, kind, max(moment) OVER own AS as_of,
    count(*) FILTER (WHERE kind = 'sale') OVER own AS frequency,
    coalesce(sum(amount) FILTER (WHERE kind = 'sale') OVER own, 0) AS gross,
    coalesce(sum(amount) FILTER (WHERE kind = 'return') OVER own, 0) AS returned,
    max(moment) FILTER (WHERE kind = 'sale') OVER own AS bought
  FROM invoices
  WINDOW own AS (PARTITION BY customer_id ORDER BY place ROWS UNBOUNDED PRECEDING)
)
"""
# 86400000000 microseconds are a day.
_QUESTIONS = """
CREATE TABLE questions AS
SELECT customer_id, place, 0 AS days, as_of AS moment, (as_of - bought) // 86400000000 AS recency, frequency,
  greatest(gross - returned, 0) AS monetary, CAST(transaction_id AS VARCHAR) AS transaction_id
FROM states WHERE bought IS NOT NULL
"""
_DAYS = """
INSERT INTO questions
SELECT customer_id, place, days, bought + days * 86400000000, days, frequency, greatest(gross - returned, 0), NULL
FROM states, LATERAL (SELECT unnest(range(
  (as_of - bought) // 86400000000 + 1, (ends - bought) // 86400000000 + 1)) AS days)
WHERE bought IS NOT NULL
"""
_ANSWERS = "CREATE TABLE answers AS SELECT *, {segment} AS segment FROM questions"
_CHANGES = """
CREATE TABLE changes AS
SELECT customer_id, row_number() OVER (PARTITION BY customer_id ORDER BY place, days) AS sequence,
  before AS from_segment, segment AS to_segment, moment, frequency, transaction_id
FROM (SELECT *, lag(segment) OVER (PARTITION BY customer_id ORDER BY place, days) AS before FROM answers)
WHERE before IS DISTINCT FROM segment
"""
_CUSTOMERS = """
CREATE TABLE customers AS
SELECT customer_id, totals.frequency, gross, returned, to_segment AS segment, coalesce(sequence, 0) AS sequence
FROM (SELECT DISTINCT ON (customer_id) * FROM states ORDER BY customer_id, place DESC) AS totals
LEFT JOIN (SELECT DISTINCT ON (customer_id) * FROM changes ORDER BY customer_id, sequence DESC) USING (customer_id)
"""


class Change(NamedTuple):
    """A segment change; ``at`` is in microseconds since 1970."""

    customer_id: str
    sequence: int
    from_segment: str | None
    to_segment: str
    at: int
    frequency: int
    transaction_id: str | None


class Customer(NamedTuple):
    """A customer's totals and segment; money in ten-thousandths, and the number of changes as the sequence."""

    frequency: int
    gross: int
    returned: int
    segment: str | None
    sequence: int


@dataclass(frozen=True)
class Expected:
    """What a contender must have stored: customers by id, and all changes."""

    customers: dict[str, Customer]
    changes: frozenset[Change]


def expected(file: Path, model: SegmentModel, decay: bool, until: int = 0) -> Expected:
    """Compute the result of the invoices of a file.

    Parameters
    ----------
    decay
        Whether time alone changes segments.
    until
        The moment up to which it does so, in microseconds; before that, up to a customer's last invoice.
    """
    try:
        return _computed(file, model, decay, until)
    except (RuntimeError, duckdb.Error) as error:
        # DuckDB turns the interrupt of a signal handler into an error of its own.
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


def _computed(file: Path, model: SegmentModel, decay: bool, until: int) -> Expected:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_INVOICES, [str(file)])
        connection.execute(_STATES.format(until=int(until)))
        connection.execute(_QUESTIONS)
        if decay:
            connection.execute(_DAYS)
        connection.execute(_ANSWERS.format(segment=_nearest(model)))
        connection.execute(_CHANGES)
        connection.execute(_CUSTOMERS)
        return Expected(_customers(connection), _changes(connection))


def _nearest(model: SegmentModel) -> str:
    """SQL for the id of the nearest centroid; between equal distances the first segment wins."""
    shaped = [
        f"((ln(1 + CAST({feature} AS DOUBLE)) - {mean!r}) / {scale!r})"
        for feature, mean, scale in zip(("recency", "frequency", "monetary"), model.means, model.scales, strict=True)
    ]
    distances = [
        " + ".join(f"({value} - {centre!r}) ** 2" for value, centre in zip(shaped, segment.centroid, strict=True))
        for segment in model.segments
    ]
    names = ", ".join(f"'{segment.id}'" for segment in model.segments)
    listed = f"[{', '.join(distances)}]"
    return f"[{names}][list_position({listed}, list_min({listed}))]"


def _customers(connection: DuckDBPyConnection) -> dict[str, Customer]:
    rows = connection.execute(
        "SELECT customer_id, frequency, CAST(gross * 10000 AS BIGINT), CAST(returned * 10000 AS BIGINT), segment, "
        "sequence FROM customers"
    )
    return {row[0]: Customer(*row[1:]) for row in rows.fetchall()}


def _changes(connection: DuckDBPyConnection) -> frozenset[Change]:
    return frozenset(Change(*row) for row in connection.execute("SELECT * FROM changes").fetchall())
