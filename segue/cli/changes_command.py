"""``segue changes``: print segment changes as JSON lines."""

import heapq
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Annotated, Literal, NamedTuple, Optional, TypeVar

import typer
from rich.text import Text

from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import fail, messages
from segue.cli.filter_option import parse_filter
from services.filters import Filter

#: How far has been read: positions of the outbox, or offsets of the topic.
_ReadUpTo = TypeVar("_ReadUpTo")
_Timed = tuple[datetime, bytes]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(changes)


class _Wanted(NamedTuple):
    """Which changes to print."""

    customer: str | None
    where: Filter | None
    since: datetime | None

    @property
    def everything(self) -> bool:
        return self == (None, None, None)


def changes(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing changes as they arrive.")] = False,
    topic: Annotated[bool, typer.Option("--topic", help="Read the change topic instead of Postgres.")] = False,
    customer: Annotated[Optional[str], typer.Option(help="Print only this customer's changes.")] = None,  # noqa: UP045
    where: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="FILTER", help="Print only matching changes: `to = Hibernating and monetary > 1000`."),
    ] = None,
    since: Annotated[
        Optional[datetime],  # noqa: UP045
        typer.Option(parser=options.moment, metavar="MOMENT", help="Print only changes from this event time on."),
    ] = None,
    tail: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=0, help="Print only the last N of the changes so far."),
    ] = None,
    start: Annotated[
        Literal["beginning", "now"],
        typer.Option("--from", help="`now` leaves out all changes so far; it needs --follow."),
    ] = "beginning",
    limit: Annotated[Optional[int], typer.Option(min=1, help="Stop after this many changes.")] = None,  # noqa: UP045
) -> None:
    """Print segment changes as JSON lines (CloudEvents), in order for each partition.

    By default the changes come from Postgres, which has all of them; with `--topic` they come from the change topic, as
    subscribers read it. A FILTER compares customer, sequence, from, to, cause, effective_at, recency_days, frequency,
    monetary, gross, returned, model_version or transaction by =, !=, >, >=, < or <=. Comparisons are combined by and,
    or and brackets.
    """
    if start == "now" and not follow:
        fail("--from now prints nothing without --follow: add --follow, or use --tail N")
    if start == "now" and tail is not None:
        fail("give --from now or --tail, not both")
    # The Kafka client reports a broker that is gone once a second; one line of our own is enough.
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)
    settings = Settings()
    wanted = _Wanted(customer, parse_filter(where, "--where", settings), since)
    printed = 0
    for _, line in _chosen(settings, topic, follow, wanted, 0 if start == "now" else tail):
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush() if follow else None
        printed += 1
        if printed == limit:
            return
    if not printed:
        messages.print(Text("no changes yet" if wanted.everything else "no such changes yet", style="dim"))


def _chosen(settings: Settings, topic: bool, follow: bool, wanted: _Wanted, tail: int | None) -> Iterator[_Timed]:
    """The changes to print: the last ones so far, if there is a ``tail``, then those to come."""
    from services import change_stream

    if topic:
        offsets = change_stream.newest_in_topic(settings) if tail == 0 else change_stream.Offsets({})
        return _after(offsets, partial(change_stream.topic, settings), follow, wanted, tail)
    positions = change_stream.newest(settings) if tail == 0 else change_stream.Positions({})

    def read(follow: bool, positions: change_stream.Positions) -> Iterator[bytes]:
        return change_stream.postgres(settings, follow, wanted.customer, positions)

    return _after(positions, read, follow, wanted, tail)


def _after(
    read_up_to: _ReadUpTo,
    read: Callable[[bool, _ReadUpTo], Iterator[bytes]],
    follow: bool,
    wanted: _Wanted,
    tail: int | None,
) -> Iterator[_Timed]:
    if tail:
        yield from _last(tail, _matching(read(False, read_up_to), wanted))
    if tail is None or follow:
        yield from _matching(read(follow, read_up_to), wanted)


def _matching(lines: Iterable[bytes], wanted: _Wanted) -> Iterator[_Timed]:
    from data.contract import tolerant_reader

    for line in lines:
        change = tolerant_reader.change(line)
        if (
            change is not None
            and wanted.customer in (None, change.customer_id)
            and (wanted.since is None or change.effective_at >= wanted.since)
            and (wanted.where is None or wanted.where(change))
        ):
            yield change.effective_at, line


def _last(count: int, found: Iterable[_Timed]) -> list[_Timed]:
    """The changes with the latest event times, in the order in which they were read."""
    numbered = enumerate(found)
    latest = heapq.nlargest(count, numbered, key=lambda each: (each[1][0], each[0]))
    return [change for _, change in sorted(latest)]
