"""A live stream: nobody buys anything, the clock runs, and time alone moves a customer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import select

from data.contract.wire import Transaction
from data.postgres import decay_schedule, progress
from data.postgres.tables import segment_changes
from models.segment_model import SegmentModel
from tests.support.local_stack import Local, local, wait_until

AHEAD = timedelta(seconds=10)
DAYS = 500


def _bought_whole_days_ago(running: Local) -> datetime:
    """One purchase of each customer, so that their next whole days of recency begin at the same moment; returns it."""
    moment = datetime.now(UTC).replace(microsecond=0) + AHEAD
    for day in range(1, DAYS):
        customer = f"c{day}"
        sold = Transaction(f"t{day}", customer, moment - timedelta(days=day), "sale", "20.00", "GBP", "UK", [])
        running.replaying.writer.transaction(customer.encode(), msgspec.json.encode(sold))
    running.replaying.writer.flush(60)
    wait_until(lambda: progress.totals(running.postgres).transactions == DAYS - 1)
    return moment


def test_a_customer_of_an_idle_stream_decays_at_the_exact_moment(tmp_path: Path, model: SegmentModel) -> None:
    with local(tmp_path, model) as running:
        moment = _bought_whole_days_ago(running)
        with running.postgres.connect() as connection:
            due = decay_schedule.next_change_after(connection, moment - timedelta(microseconds=1))
        assert due == moment, "a customer's next day begins at this moment"
        # On a slow machine the clock may start after the moment; the decay has that moment all the same.
        running.stack.start_clock("--grace", "0", "--every", "1h")
        decayed = select(segment_changes).where(
            segment_changes.c.cause == "decay", segment_changes.c.effective_at == moment
        )

        def has_decayed() -> bool:
            with running.postgres.connect() as connection:
                return bool(connection.execute(decayed).first())

        wait_until(has_decayed)
        assert datetime.now(UTC) >= moment
        wait_until(lambda: (progress.current_watermark(running.postgres) or moment) >= moment)
