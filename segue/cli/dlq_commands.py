"""``segue dlq``: records that could not be applied: list, show, retry."""

import sys
from typing import Annotated, Optional

import msgspec
import typer
from rich.markup import escape

from data.postgres import dead_letters
from data.postgres.database import engine
from data.postgres.dead_letters import StoredDeadLetter
from producers.requeue import retry, retry_waiting
from runtime.readable import LONGEST, one_line, readable
from runtime.settings import Settings
from segue.cli.console import fail, output, table, words
from segue.cli.options import AsJson

Reason = Annotated[Optional[str], typer.Option(metavar="TEXT", help="Only those whose reason holds this text.")]  # noqa: UP045
LogId = Annotated[Optional[str], typer.Option(metavar="ID", help="The log, where several have such a dead letter.")]  # noqa: UP045
Id = Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `segue dlq list` shows it.")]

app = typer.Typer(no_args_is_help=True, help="Records that could not be applied: list, show, retry.")


@app.command("list")
def list_them(
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows at most of each table.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Count dead letters by reason, and show the newest."""
    postgres = engine(Settings().database)
    reasons = dead_letters.by_reason(postgres, reason)[:limit]
    newest = dead_letters.newest(postgres, reason, limit)
    if as_json:
        letters = [row._asdict() | {"id": f"{row.partition}:{row.offset}", "key": one_line(row.key)} for row in newest]
        content = {"reasons": [row._asdict() for row in reasons], "dead_letters": letters}
        output.print_json(msgspec.json.encode(content).decode())
        return
    if not reasons:
        any_at_all = reason is not None and dead_letters.by_reason(postgres, None)
        words.print(
            "No dead letter has such a reason; `segue dlq list` shows those that there are."
            if any_at_all
            else "There are no dead letters."
        )
        return
    counts = [[escape(row.reason), f"{row.waiting:,}", f"{row.retried:,}"] for row in reasons]
    output.print(table("Dead letters by reason", ["reason", "waiting", "retried"], counts))
    rows = [
        [
            f"{row.partition}:{row.offset}",
            escape(one_line(row.key)),
            f"{row.size or 0:,}",
            escape(row.reason),
        ]
        for row in newest
    ]
    output.print(table("The newest", ["id", "key", "bytes", "reason"], rows))


@app.command()
def show(
    which: Id,
    log_id: LogId = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write the original bytes to standard output, and only those.")
    ] = False,
) -> None:
    """Show one dead letter: where from, why, and its bytes, readable."""
    letter = _found(which, log_id)
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        return
    retried = "no" if letter.retried_at is None else f"{letter.retried_at:%Y-%m-%d %H:%M:%S %Z}"
    for name, text in (
        ("log", letter.log_id),
        ("partition", str(letter.partition)),
        ("offset", str(letter.offset)),
        ("reason", letter.reason),
        ("retried", retried),
        ("key", one_line(letter.key)),
    ):
        output.print(f"[bold]{name}[/]: {escape(text)}")
    output.print(escape(readable(letter.value)))
    if len(letter.value or b"") > LONGEST:
        words.print("--raw writes all of it")


@app.command("retry")
def retry_them(
    which: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(metavar="[PARTITION:OFFSET]...", help="As `segue dlq list` shows them."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were never retried.")] = False,
    reason: Reason = None,
    log_id: LogId = None,
) -> None:
    """Put dead letters back into the transactions topic, with their original bytes: after the cause has been mended.

    They are new records at the end of the log: what is fit now is applied, what is not becomes a dead letter again,
    and what is known already is a duplicate.
    """
    if sum((bool(which), everything, reason is not None)) != 1:
        fail("say which: ids as `segue dlq list` shows them, or --reason TEXT, or --all")
    from producers.log_session import session

    settings = Settings()
    chosen = [_found(each, log_id) for each in which or []]
    with session(settings) as open_log:
        if chosen:
            count = retry(open_log.postgres, open_log.writer, chosen)
        else:
            count = retry_waiting(open_log.postgres, open_log.writer, reason)
    words.print(f"{count:,} put back; `segue status` and `segue dlq list` show what came of it")


def _found(which: str, log_id: str | None) -> StoredDeadLetter:
    partition, _, offset = which.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        fail(f"{which!r} is not a dead letter's id: write PARTITION:OFFSET, as `segue dlq list` shows it")
    return dead_letters.find(engine(Settings().database), int(partition), int(offset), log_id)
