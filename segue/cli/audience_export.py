"""The steps of ``segue audience export``."""

from datetime import datetime
from pathlib import Path

from data.datasets import pass_through
from data.datasets.pass_through import PassThrough
from data.postgres import audience_members, audiences, currency
from data.postgres.audience_members import at_one_moment, moment, parts
from runtime.counts import many
from runtime.output_files import check_output, replacing
from runtime.settings import Settings
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, spinner
from segue.cli.past_moment import answer_seconds, say_of_past
from segue.cli.postgres import connect
from services.audience_files import About, Use, WrittenFile, left_out, write

#: A file of this size has millions of customers.
MOST_BYTES = 1_000_000_000


def export_audience(
    name: str, out: Path, use: Use, join: Path | None, join_by: str | None, as_of: datetime | None, force: bool
) -> None:
    """Write the file, and say what is in it; raises what reading and writing raise."""
    check_output(out, suffixes=(".csv",), force=force)
    if join is None and join_by is not None:
        fail("--join-by names a column of a file: add --join FILE")
    joined = None if join is None else _joined(join, join_by)
    settings = Settings()
    postgres = connect(settings, answer_seconds(as_of))
    with at_one_moment(postgres) as connection:
        found, now = audiences.find(connection, name), moment(connection, as_of)
        audience_members.require(found.definition, now)
        about = About(
            personas=audience_members.segment_names(connection, now),
            event_time=now.event_time,
            currency=currency.stored(connection) or settings.currency,
            use=use,
            joined=joined,
        )
        moment_asked = {} if as_of is None else {"as_of": as_of.isoformat()}
        members = parts(connection, found.definition, now, with_rhythm=True, with_stays=True)
        with (
            recorded(
                postgres, "audience export", found.name, use=use, joined=joined is not None, **moment_asked
            ) as detail,
            spinner("Writing"),
            replacing(out) as draft,
            draft.open("w", encoding="utf-8", newline="") as file,
        ):
            written = write(file, members, about)
            detail["rows"] = written.customers
    messages.print(
        f"{many(written.customers, 'customer')} of {found.name} as of {now.event_time:%Y-%m-%d %H:%M} UTC "
        f"{'is' if written.customers == 1 else 'are'} in {out}",
        markup=False,
        soft_wrap=True,
    )
    if join is not None:
        _say_what_was_joined(join, written)
    say_of_past(now)


def _joined(path: Path, column: str | None) -> PassThrough:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            fail(f"{path.name} has {size:,} bytes, and {MOST_BYTES:,} are the most: leave the columns that you need")
        content = path.read_bytes()
    except OSError as error:
        fail(f"can't read {path}: {error.strerror or error}")
    found = pass_through.read(content, path.name, column)
    for note in found.notes:
        messages.print(note, markup=False, soft_wrap=True)
    return found


def _say_what_was_joined(join: Path, written: WrittenFile) -> None:
    messages.print(
        f"{many(written.customers - written.not_in_file, 'of them is', 'of them are')} in {join.name} and "
        f"{many(written.not_in_file, 'is', 'are')} not; "
        f"{left_out(written.not_in_audience)}",
        markup=False,
        soft_wrap=True,
    )
    if written.renamed:
        messages.print(
            f"Segue has columns of these names already, so the file's begin with `file_`: {', '.join(written.renamed)}",
            markup=False,
            soft_wrap=True,
        )
