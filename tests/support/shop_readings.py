"""Small files as shops export them, and what Segue reads from them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data.datasets.load import load
from data.datasets.reading import Reading
from models.units import from_money_units
from tests.support.shop_files import HEADER


class Read(NamedTuple):
    """What a file holds: ``(id, customer, moment, kind, amount)`` of each transaction, guests' rows, and notes."""

    transactions: list[tuple[str, str, str, str, str]]
    guest_rows: int
    overlap_invoices: int
    rejected_rows: int
    notes: str

    @property
    def moments(self) -> list[str]:
        """The moments of the transactions, in UTC."""
        return [moment for _, _, moment, _, _ in self.transactions]

    @property
    def amounts(self) -> list[str]:
        """The amounts of the transactions; a return's has a minus."""
        return [f"{'-' if kind == 'return' else ''}{amount}" for _, _, _, kind, amount in self.transactions]

    @property
    def customers(self) -> list[str]:
        """The customers of the transactions."""
        return [customer for _, customer, _, _, _ in self.transactions]


def rows(*lines: str, header: str = HEADER) -> str:
    """A file of these lines."""
    return "\n".join([header, *lines, ""])


def read(folder: Path, content: str | bytes, *settings: str, name: str = "shop.csv", on_error: str = "stop") -> Read:
    """Read a file with these settings (``key=value``) of a mapping."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_paths([path], *settings, on_error=on_error)


def read_paths(paths: Sequence[Path], *settings: str, on_error: str = "stop") -> Read:
    """Read files as one dataset."""
    assert on_error in ("stop", "skip")
    rejects = paths[0].parent / "rejects.csv" if on_error == "skip" else None
    how = Reading(settings=settings, on_error="skip" if rejects else "stop", rejects=rejects)
    with load(paths, how) as dataset:
        frame, report = dataset.transactions, dataset.report
        return Read(
            [
                (
                    str(row.transaction_id),
                    str(row.customer_id),
                    f"{row.occurred_at:%Y-%m-%d %H:%M:%S}",
                    str(row.kind),
                    money(row),
                )
                for row in frame.itertuples()
            ],
            report.guest_rows,
            report.overlap_invoices,
            report.rejected_rows,
            " ".join(dataset.notes),
        )


def money(row: object) -> str:
    """The amount of a transaction, with two decimals or more."""
    return f"{from_money_units(getattr(row, 'amount_units')):f}"  # noqa: B009 - a row of a frame has no type
