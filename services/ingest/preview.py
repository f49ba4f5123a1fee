"""How records would be understood, as lines for a person."""

from collections.abc import Iterator, Sequence

from data.contract.wire import Transaction
from runtime.counts import many
from services.ingest.mapped_records import RecordReader
from services.ingest.outcomes import AcceptedRecord, Passed
from services.ingest.sampling import Sampled

_WORDS = {
    "guest": "no customer: left out",
    "not a sale": "no sale: left out",
    "tombstone": "tombstone: counted, changes nothing",
    "delete": "delete: counted, changes nothing",
    "truncate": "truncate: counted, changes nothing",
    "message": "message: counted, changes nothing",
}


def preview(reader: RecordReader, records: Sequence[Sampled]) -> Iterator[str]:
    """One line for each record, or several if it has a refund."""
    for record in records:
        place = f"{record.partition}:{record.offset}"
        outcome = reader.read(record.value)
        if isinstance(outcome, AcceptedRecord):
            yield from (f"{place}  {_in_words(sold)}" for sold in outcome.transactions)
        elif isinstance(outcome, Passed):
            yield f"{place}  {_WORDS[outcome.why]}"
        else:
            yield f"{place}  dead letter: {outcome.reason}"


def _in_words(sold: Transaction) -> str:
    lines = many(len(sold.lines), "line")
    moment = f"{sold.occurred_at:%Y-%m-%d %H:%M:%S} UTC"
    revision = f", revision {sold.revision}" if sold.revision else ""
    return (
        f"{sold.kind} {sold.transaction_id} of customer {sold.customer_id} at {moment}: "
        f"{sold.amount} {sold.currency}, {lines}, {sold.country}{revision}"
    )
