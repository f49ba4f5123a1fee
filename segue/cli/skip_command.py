"""``segue skip``: skip a record that keeps a partition from continuing."""

from typing import Annotated

import typer

from data.postgres import skipped_records
from runtime.settings import Settings
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages
from segue.cli.postgres import connect
from services.claimed_partitions import claimed_partitions

_LONGEST_REASON = 400


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(skip)


def skip(
    partition: Annotated[int, typer.Argument(min=0, metavar="PARTITION", help="The number of the partition.")],
    offset: Annotated[int, typer.Argument(min=0, metavar="OFFSET", help="The offset of the record.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; stored with the record.")],
    force: Annotated[
        bool, typer.Option("--force", help="Skip even if the partition is neither failing nor stuck.")
    ] = False,
) -> None:
    """Skip one record, as the last resort for a partition that does not continue by itself.

    The record becomes a dead letter with your reason: `segue dlq show` shows it, and `segue dlq retry` writes it to the
    log again. Segue finds most such records itself; see docs/operations.md first.
    """
    text = " ".join(reason.split())
    if not text or not text.isprintable() or len(text) > _LONGEST_REASON:
        fail(f"--reason must be a printable text of at most {_LONGEST_REASON} characters")
    settings = Settings()
    postgres = connect(settings)
    if not force:
        found = claimed_partitions(postgres, settings.known_brokers, settings.topics.transactions).partitions
        status = next((each for each in found if each.partition == partition), None)
        # A partition that is unknown, or beyond the offset, is refused with its own reason.
        if status is not None and offset >= status.next_offset and status.problem is None:
            fail(f"partition {partition} is neither failing nor stuck: nothing needs to be skipped (or use --force)")
    with recorded(postgres, "skip", f"{partition}:{offset}", force=force):
        user = skipped_records.skip(postgres, partition, offset, text)
    messages.print(
        f"Offset {offset:,} of partition {partition} will be a dead letter (requested by {user}). "
        "The worker notices after its next failure, or when it starts again; `segue status` shows the result."
    )
