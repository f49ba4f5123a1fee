"""``segue prune``: delete old changes, dead letters and rows of the audit from Postgres."""

from dataclasses import asdict
from typing import Annotated

import typer

from data.postgres import progress
from runtime.settings import Settings
from segue.cli.auditing import recorded
from segue.cli.console import messages
from segue.cli.postgres import connect


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(prune)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
) -> None:
    """Delete old changes, dead letters and rows of the audit from Postgres.

    SEGUE_CHANGES_RETENTION, SEGUE_DEAD_LETTERS_RETENTION and SEGUE_AUDIT_RETENTION say how old; without them, nothing
    is deleted. Kept in any case: the ledger, every customer's last change before that time, changes that are not
    published yet, and dead letters that were neither retried nor discarded. Run it once a day, as the owner of the
    tables.
    """
    from data.postgres.pruning import Retention, prune

    settings = Settings()
    # Counting and deleting may take longer than a look.
    postgres = connect(settings, 0)
    reached = progress.current_watermark(postgres)
    kept = Retention(settings.changes_retention, settings.dead_letters_retention, settings.audit_retention)
    if dry_run:
        done = prune(postgres, kept, reached, dry_run=True)
    else:
        ages = {name: None if age is None else f"{age.total_seconds():.0f} s" for name, age in asdict(kept).items()}
        with recorded(postgres, "prune", "Postgres", kept_for=ages) as found:
            done = prune(postgres, kept, reached)
            found["deleted"] = {name: n for name, n in asdict(done).items() if name != "risk_changes" or n}
    verb = "would be deleted" if dry_run else "deleted"
    for what, count, setting in (
        ("changes", done.changes, "SEGUE_CHANGES_RETENTION"),
        ("dead letters", done.dead_letters, "SEGUE_DEAD_LETTERS_RETENTION"),
        ("audit", done.acts, "SEGUE_AUDIT_RETENTION"),
    ):
        messages.print(
            f"{what}: kept indefinitely ({setting} is not set)" if count is None else f"{what}: {count:,} {verb}"
        )
    if done.risk_changes:
        messages.print(f"risk changes: {done.risk_changes:,} {verb}")
