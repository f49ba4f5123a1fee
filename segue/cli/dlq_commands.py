"""``segue dlq``: list, show, retry and discard dead letters."""

import sys
from typing import Annotated, Optional

import msgspec
import typer
from rich.markup import escape

from data.postgres import dead_letters
from data.postgres.dead_letters import StoredDeadLetter
from producers.requeue import retry, retry_waiting
from runtime.readable import LONGEST, one_line, readable
from runtime.settings import Settings
from segue.cli import ingested_letters
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, output, table
from segue.cli.dead_letter_table import ListedLetter, print_newest
from segue.cli.options import AsJson, Limit, topic_name
from segue.cli.postgres import connect

Reason = Annotated[Optional[str], typer.Option(metavar="TEXT", help="Only reasons that contain this text.")]  # noqa: UP045
LogId = Annotated[Optional[str], typer.Option(metavar="ID", help="The log id, if several logs have such an id.")]  # noqa: UP045
Ids = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Argument(metavar="[PARTITION:OFFSET]...", help="The ids, as `segue dlq list` shows them."),
]
SourceTopic = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        parser=topic_name,
        metavar="TOPIC",
        help="The dead letters of `segue ingest` from this topic, which are in Kafka.",
    ),
]
Id = Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="The id, as `segue dlq list` shows it.")]

_LONGEST_WHY = 400

app = typer.Typer(
    no_args_is_help=True, help="List, show, retry and discard dead letters: records that could not be applied."
)


@app.command("list")
def list_them(
    reason: Reason = None,
    limit: Limit = 20,
    topic: SourceTopic = None,
    as_json: AsJson = False,
) -> None:
    """Show the number of dead letters by reason, and the newest ones."""
    if topic is not None:
        ingested_letters.list_them(topic, reason, limit, as_json)
        return
    postgres = connect(Settings())
    reasons = dead_letters.by_reason(postgres, reason)[:limit]
    newest = dead_letters.newest(postgres, reason, limit)
    if as_json:
        letters = [row._asdict() | {"id": f"{row.partition}:{row.offset}", "key": one_line(row.key)} for row in newest]
        content = {"reasons": [row._asdict() for row in reasons], "dead_letters": letters}
        output.print_json(msgspec.json.encode(content).decode())
        return
    if not reasons:
        has_others = reason is not None and dead_letters.by_reason(postgres, None)
        messages.print(
            "No dead letter has such a reason; `segue dlq list` shows all reasons."
            if has_others
            else "There are no dead letters."
        )
        return
    counts = [[row.reason, f"{row.waiting:,}", f"{row.retried:,}", f"{row.discarded:,}"] for row in reasons]
    output.print(table("Dead letters by reason", ["reason", "waiting", "retried", "discarded"], counts))
    print_newest(
        ListedLetter(f"{row.partition}:{row.offset}", row.at, row.key, row.size or 0, row.reason) for row in newest
    )


@app.command()
def show(
    which: Id,
    log_id: LogId = None,
    topic: SourceTopic = None,
    raw: Annotated[bool, typer.Option("--raw", help="Write only the original bytes, to standard output.")] = False,
) -> None:
    """Show one dead letter: its partition and offset, its reason, and its content as text."""
    letter = _dead_letter(which, log_id) if topic is None else ingested_letters.find(topic, *_place(which))
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        return
    about = [
        ("log", letter.log_id),
        ("partition", str(letter.partition)),
        ("offset", str(letter.offset)),
        ("since", "unknown" if letter.at is None else f"{letter.at:%Y-%m-%d %H:%M:%S %Z}"),
        ("reason", letter.reason),
        ("key", one_line(letter.key)),
    ]
    if isinstance(letter, StoredDeadLetter):
        retried = "no" if letter.retried_at is None else f"{letter.retried_at:%Y-%m-%d %H:%M:%S %Z}"
        about[-1:-1] = [("retried", retried), ("discarded", _discarded(letter))]
    for name, text in about:
        output.print(f"[bold]{name}[/]: {escape(text)}")
    output.print(escape(readable(letter.value)))
    if len(letter.value or b"") > LONGEST:
        messages.print("--raw writes the whole value")


@app.command("retry")
def retry_them(
    which: Ids = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All dead letters that were neither retried nor discarded.")
    ] = False,
    reason: Reason = None,
    log_id: LogId = None,
) -> None:
    """Retry dead letters: write their original bytes to the transactions topic again. Fix the cause first.

    Each retry is a new record at the end of the log. A valid record is applied, an invalid one becomes a dead letter
    again, and a transaction that the ledger already contains is a duplicate.
    """
    _check_choice(which, everything, reason)
    from producers.log_session import session

    settings = Settings()
    chosen = [_dead_letter(each, log_id) for each in which or []]
    # Otherwise a user without this right would write to the log and fail afterwards.
    dead_letters.check_marking(connect(settings))
    with (
        session(settings) as open_log,
        recorded(open_log.postgres, "dlq retry", _object(chosen), **_filter(reason)) as found,
    ):
        if chosen:
            count = retry(open_log.postgres, open_log.writer, chosen)
        else:
            count = retry_waiting(open_log.postgres, open_log.writer, reason)
        found["retried"] = count
    messages.print(f"{count:,} written to the log again; `segue status` and `segue dlq list` show the result")


@app.command("discard")
def discard_them(
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why; stored with each of them.")],
    which: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were neither retried nor discarded.")] = False,
    reason: Reason = None,
    log_id: LogId = None,
) -> None:
    """Discard dead letters, which need no retry. They no longer count as waiting, and a retry of all leaves them out.

    `segue dlq show` shows when they were discarded, by which Postgres user, and why. Their bytes stay until `segue
    prune` deletes them. To undo a decision, retry the dead letter by its id.
    """
    _check_choice(which, everything, reason)
    text = " ".join(why.split())
    if not text or not text.isprintable() or len(text) > _LONGEST_WHY:
        fail(f"--why must be a printable text of at most {_LONGEST_WHY} characters")
    chosen = [_dead_letter(each, log_id) for each in which or []]
    postgres = connect(Settings())
    with recorded(postgres, "dlq discard", _object(chosen), **_filter(reason)) as found:
        if chosen:
            count = dead_letters.discard(postgres, chosen, text)
        else:
            count = dead_letters.discard_waiting(postgres, reason, text)
        found["discarded"] = count
    messages.print(f"{count:,} discarded")


def _check_choice(which: list[str] | None, everything: bool, reason: str | None) -> None:
    if sum((bool(which), everything, reason is not None)) != 1:
        fail("say which: ids from `segue dlq list`, or --reason TEXT, or --all")


def _object(chosen: list[StoredDeadLetter]) -> str:
    """What the audit calls the chosen dead letters."""
    return " ".join(letter.id for letter in chosen) or "all that wait"


def _filter(reason: str | None) -> dict[str, bool]:
    # The text itself may quote a record, and so an id.
    return {} if reason is None else {"by_reason": True}


def _discarded(letter: StoredDeadLetter) -> str:
    if letter.discarded_at is None:
        return "no"
    return f"{letter.discarded_at:%Y-%m-%d %H:%M:%S %Z} by {letter.discarded_by}: {letter.discarded_why}"


def _dead_letter(which: str, log_id: str | None) -> StoredDeadLetter:
    partition, offset = _place(which)
    return dead_letters.find(connect(Settings()), partition, offset, log_id)


def _place(which: str) -> tuple[int, int]:
    partition, _, offset = which.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        fail(f"{which!r} is not a dead letter's id: write PARTITION:OFFSET, as `segue dlq list` shows it")
    return int(partition), int(offset)
