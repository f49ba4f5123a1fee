"""What was measured, as a table."""

from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct

HAND_WRITTEN = "hand-written"


class Sample(Struct, frozen=True):
    """Microseconds of CPU a transaction: of Python by stage, of Postgres by statement, and of all of Postgres.

    ``name`` is the batch size or the name of the loop, ``wal`` bytes of the write-ahead log a transaction, and
    ``digest`` stands for all events and rows.
    """

    name: str
    python: dict[str, float]
    statements: dict[str, float]
    postgres: float
    wal: float
    digest: str

    @property
    def total(self) -> float:
        """CPU of Python and Postgres."""
        return sum(self.python.values()) + self.postgres


def medians(samples: Iterable[Sample]) -> list[Sample]:
    """One sample for each name, with the medians of all that have it."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    return [_median(group) for group in by_name.values()]


def _median(group: Sequence[Sample]) -> Sample:
    def each(columns: Sequence[dict[str, float]]) -> dict[str, float]:
        return {name: median(column[name] for column in columns) for name in columns[0]}

    return Sample(
        name=group[0].name,
        python=each([sample.python for sample in group]),
        statements=each([sample.statements for sample in group]),
        postgres=median(sample.postgres for sample in group),
        wal=median(sample.wal for sample in group),
        digest=", ".join(sorted({sample.digest for sample in group})),
    )


def markdown(samples: Sequence[Sample]) -> str:
    """Rows for stages and statements, columns for batch sizes."""
    by_hand = next((sample.total for sample in samples if sample.name == HAND_WRITTEN), None)
    lines = [
        _line("CPU a transaction, us", [sample.name for sample in samples]),
        _line("---", ["---:"] * len(samples)),
        *_numbers("Python", [sum(sample.python.values()) for sample in samples]),
    ]
    for stage in _names(sample.python for sample in samples):
        lines += _numbers(f"- {stage}", [sample.python.get(stage) for sample in samples])
    lines += _numbers("Postgres", [sample.postgres for sample in samples])
    for statement in _names(sample.statements for sample in samples):
        lines += _numbers(f"- `{statement}`", [sample.statements.get(statement) for sample in samples])
    lines += _numbers("Python and Postgres", [sample.total for sample in samples])
    if by_hand:
        lines.append(_line("/ hand-written", [f"{sample.total / by_hand:.2f}x" for sample in samples]))
    lines.append(_line("WAL a transaction, bytes", [f"{sample.wal:,.0f}" for sample in samples]))
    lines.append(_line("digest", [sample.digest for sample in samples]))
    return "\n".join(lines) + "\n"


def _names(columns: Iterable[dict[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for column in columns for name in column))


def _numbers(name: str, values: Sequence[float | None]) -> list[str]:
    """A line of numbers; none if all are too small to show."""
    if not any(value is not None and value >= 0.05 for value in values):
        return []
    return [_line(name, ["" if value is None else f"{value:.1f}" for value in values])]


def _line(name: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join((name, *cells))} |"
