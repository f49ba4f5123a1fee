"""The options of ``segue replay``: their help texts and parsers."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Optional

import typer


def moment(text: str | datetime) -> datetime:
    """Parse a day or a moment, also as Segue prints it; without a zone it is in UTC."""
    if isinstance(text, datetime):
        return text
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not a date: write 2010-12-01, 2010-12-01T08:26:00 or 2010-12-01 08:26:00+00:00"
        ) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


Since = Annotated[
    Optional[datetime],  # noqa: UP045 - typer reads it
    typer.Option(parser=moment, metavar="DATE", help="Send only transactions from this event time on."),
]
Until = Annotated[
    Optional[datetime],  # noqa: UP045
    typer.Option(parser=moment, metavar="DATE", help="Send only transactions before this event time."),
]
Rate = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(min=0.001, metavar="N", help="Most transactions per second. Without --speed, only this paces."),
]
Loop = Annotated[
    bool,
    typer.Option("--loop", help="Send everything again and again, each time as a new period with new ids and times."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Send only what has not come yet, as the ledger has it.")]
ResendDeadLetters = Annotated[
    bool, typer.Option("--resend-dead-letters", help="With --resume, send transactions that are dead letters, too.")
]
Mix = Annotated[
    bool, typer.Option("--mix", help="Send even if the file contradicts the stream, or seems to be another shop's.")
]
ChaosSpec = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--chaos",
        metavar="SPEC",
        help="Disturb the stream on purpose: duplicates=0.02,late=0.05,shuffle=2h,malformed=0.001,conflicts=0.0005.",
    ),
]
Seed = Annotated[int, typer.Option(help="What --chaos does is decided by this number.")]
IsDryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing. No stack is needed.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the outcome as JSON; with --dry-run, the records as JSON lines.")
]
Out = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--out", metavar="FILE.jsonl", help="With --dry-run, write the records as JSON lines into this file."),
]
