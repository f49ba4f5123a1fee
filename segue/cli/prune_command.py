"""``segue prune``: delete old changes and dead letters from Postgres."""

from typing import Annotated

import typer

from data.postgres import progress
from runtime.settings import Settings
from segue.cli.console import messages
from segue.cli.postgres import connect


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(prune)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
) -> None:
    """Delete old changes and dead letters from Postgres.

    SEGUE_CHANGES_RETENTION and SEGUE_DEAD_LETTERS_RETENTION say how old; without them, nothing is deleted. Kept in any
    case: the ledger, every customer's newest change, changes that are not published yet, and dead letters that were
    neither retried nor discarded. Run it once a day, as the owner of the tables.
    """
    from data.postgres.pruning import prune

    settings = Settings()
    # Counting and deleting may take longer than a look.
    postgres = connect(settings, 0)
    reached = progress.current_watermark(postgres)
    done = prune(postgres, settings.changes_retention, settings.dead_letters_retention, reached, dry_run)
    verb = "would be deleted" if dry_run else "deleted"
    for what, count, setting in (
        ("changes", done.changes, "SEGUE_CHANGES_RETENTION"),
        ("dead letters", done.dead_letters, "SEGUE_DEAD_LETTERS_RETENTION"),
    ):
        messages.print(
            f"{what}: kept for ever ({setting} is not set)" if count is None else f"{what}: {count:,} {verb}"
        )
