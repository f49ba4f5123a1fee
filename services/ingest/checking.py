"""Whether a mapping fits the records that are in a topic, before any of them is written. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.datasets import presets
from data.datasets.mapping import Mapping
from runtime.errors import SegueError
from services.ingest.mapped_records import RecordReader
from services.ingest.outcomes import AcceptedRecord, Passed, RecordOutcome, Rejected


class MappingError(SegueError):
    """A mapping that does not fit the topic's records; the message says what to do."""


@dataclass(slots=True)
class CheckedSample:
    """What became of the records that were looked at; ``notes`` are sentences for a person."""

    outcomes: list[RecordOutcome] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def rejected(self) -> list[Rejected]:
        """Those that would become dead letters."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Rejected)]


def check(reader: RecordReader, mapping: Mapping, values: Sequence[bytes | None]) -> CheckedSample:
    """Read some records of the topic.

    Raises
    ------
    MappingError
        If a record has two readings, the mapping names a field that no record has, no record at all can be understood,
        or the records are the lines of orders.
    """
    sample = CheckedSample([reader.read(value) for value in values])
    for outcome in sample.rejected:
        if outcome.is_ambiguous:
            raise MappingError(f"the mapping leaves open how the topic's records are read: {outcome.reason}")
    _refuse_unknown_fields(reader, mapping, values)
    looked = [outcome for outcome in sample.outcomes if not isinstance(outcome, Passed) or outcome.why != "tombstone"]
    rejected = sample.rejected
    if looked and len(rejected) == len(looked):
        reason, _ = Counter(each.reason for each in rejected).most_common(1)[0]
        none = "the only record can't" if len(looked) == 1 else f"none of {len(looked):,} records can"
        raise MappingError(f"{none} be used: {reason}")
    _look_for_lines(mapping, sample)
    if rejected:
        reason, count = Counter(each.reason for each in rejected).most_common(1)[0]
        most = f"mostly because of this ({count:,}): " if count < len(rejected) else ""
        sample.notes.append(
            f"Of {len(looked):,} records that were looked at, {len(rejected):,} can't be used, {most}{reason}"
        )
    return sample


def _refuse_unknown_fields(reader: RecordReader, mapping: Mapping, values: Sequence[bytes | None]) -> None:
    fields: dict[str, None] = {}
    for value in values:
        try:
            fields |= dict.fromkeys(reader.fields(value))
        except (ValueError, RecursionError):
            continue
    if not fields:
        return
    named = {f"columns.{column}": name for column, name in mapping.columns.named().items()}
    if mapping.records.revision:
        named["records.revision"] = mapping.records.revision
    for key, name in named.items():
        if not presets.has_column(name, [*fields]):
            listed = ", ".join(map(repr, [*fields][:30]))
            raise MappingError(f"{key}: no record that was looked at has a field {name!r}; they have {listed}")


def _look_for_lines(mapping: Mapping, sample: CheckedSample) -> None:
    """Refuse records that are lines of orders: of each order, only the first line would count."""
    seen: dict[tuple[str, str, int], object] = {}
    repeated = ""
    for outcome in sample.outcomes:
        if isinstance(outcome, AcceptedRecord):
            for sold in outcome.transactions:
                content = (sold.occurred_at, sold.kind, sold.amount)
                if seen.setdefault((sold.customer_id, sold.transaction_id, sold.revision), content) != content:
                    repeated = repeated or sold.transaction_id
    if not repeated:
        return
    if mapping.columns.price and not (mapping.columns.amount or mapping.records.lines):
        raise MappingError(
            f"several records have the order number {repeated!r}, each with a quantity and a price of its own: one "
            "record has to be one whole order; send orders with a list of their lines (records.lines), or their amount"
        )
    note = f"Several records of order {repeated!r} differ: the first one counts, every other one becomes a dead letter."
    if mapping.records.revision:
        sample.notes.append(f"{note} They have the same revision ({mapping.records.revision}).")
    else:
        sample.notes.append(f"{note} If a field grows with every edit, name it: --set records.revision=FIELD.")
