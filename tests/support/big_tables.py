"""The tables of a big stream, generated inside Postgres within seconds, for query plans and benchmarks."""

from sqlalchemy import Engine, text

from data.postgres.model_registry import register
from models.segment_model import SegmentModel
from tests.support.generated_tables import EVENT_TIME

CUSTOMERS, CHANGES, TRANSACTIONS = 100_000, 1_000_000, 1_000_000
PARTITIONS = 4
DAYS = 740

# Every customer moves through the segments, one change after another, during the DAYS before the event time.
_CHANGES = """
INSERT INTO segment_changes
SELECT 'c' || customer, step, customer % :partitions,
    row_number() OVER (PARTITION BY customer % :partitions ORDER BY step, customer),
    CASE WHEN step > 1 THEN (CAST(:segments AS text[]))[(customer + (step - 1) * (1 + customer % 2)) % :k + 1] END,
    (CAST(:segments AS text[]))[(customer + step * (1 + customer % 2)) % :k + 1],
    CASE WHEN step = 1 THEN 'first_purchase'
        ELSE (ARRAY['decay', 'decay', 'decay', 'purchase', 'purchase', 'return'])[1 + (customer * 7 + step * 3) % 6]
    END,
    CAST(:now AS timestamptz) - CAST(:days AS int) * interval '1 day'
        + (step - 1 + random()) * interval '1 day' * CAST(:days AS float8) / :steps,
    (random() * 300)::int, step, (10 + random() * 5000)::numeric(18, 4), :version
FROM generate_series(1, :steps) step, generate_series(1, :customers) customer
"""
_CUSTOMERS = """
INSERT INTO customers
SELECT 'c' || customer, customer % :partitions,
    (ARRAY['United Kingdom', 'United Kingdom', 'United Kingdom', 'Germany', 'France', 'EIRE'])[1 + customer % 6],
    CAST(:now AS timestamptz) - (300 + random() * 400) * interval '1 day',
    CAST(:now AS timestamptz) - random() * 300 * interval '1 day',
    CAST(:now AS timestamptz) - random() * 30 * interval '1 day',
    CAST(:steps AS int), (random() * 5000)::numeric(18, 4), (random() * 100)::numeric(18, 4),
    last.to_segment, last.effective_at, CAST(:steps AS int), :version,
    CASE WHEN customer % 4 > 0 THEN CAST(:now AS timestamptz) + random() * 400 * interval '1 day' END,
    CASE WHEN customer % 4 > 0
        THEN (CAST(:segments AS text[]))[(customer + (:steps + 1) * (1 + customer % 2)) % :k + 1] END
FROM generate_series(1, :customers) customer
JOIN segment_changes last ON last.customer_id = 'c' || customer AND last.sequence = :steps
"""
_TRANSACTIONS = """
INSERT INTO transactions
SELECT 'c' || customer, 't' || step, CAST(:now AS timestamptz) - random() * CAST(:days AS int) * interval '1 day',
    CASE WHEN step % 6 = 0 THEN 'return' ELSE 'sale' END, (1 + random() * 500)::numeric(18, 4),
    (ARRAY['United Kingdom', 'United Kingdom', 'United Kingdom', 'Germany', 'France', 'EIRE'])[1 + customer % 6]
FROM generate_series(1, :transactions / :customers) step, generate_series(1, :customers) customer
ORDER BY 3
"""
_PROGRESS = """
INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, event_time, model_version, change_position,
    published_position, transactions)
SELECT partition, 'log', 1, 1, 'worker', :now, :version, max(position), max(position), :transactions / :partitions
FROM segment_changes GROUP BY partition
"""


def fill(
    engine: Engine,
    model: SegmentModel,
    customers: int = CUSTOMERS,
    changes: int = CHANGES,
    transactions: int = TRANSACTIONS,
) -> None:
    """Fill migrated, empty tables; ``changes`` and ``transactions`` are multiples of ``customers``."""
    register(engine, model)
    values = {
        "now": EVENT_TIME,
        "version": model.version,
        "segments": [segment.id for segment in model.segments],
        "k": len(model.segments),
        "customers": customers,
        "steps": changes // customers,
        "transactions": transactions,
        "partitions": PARTITIONS,
        "days": DAYS,
    }
    with engine.begin() as connection:
        connection.execute(text("SELECT setseed(0.5)"))
        for statement in (_CHANGES, _CUSTOMERS, _TRANSACTIONS, _PROGRESS):
            connection.execute(text(statement), values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
