"""Arguments and options that several commands use."""

import math
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from producers.pace import Speed
from runtime import durations
from runtime.moments import parse_moment
from segue.cli.console import fail, messages
from segue.local.broker_kind import BrokerKind

if TYPE_CHECKING:
    from data.datasets.dataset import Dataset as LoadedDataset


def speed(text: str | Speed) -> Speed:
    """Parse a speed such as ``1d/s``, ``500x`` or ``max``."""
    # Typer parses defaults too.
    try:
        return text if isinstance(text, Speed) else Speed.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def moment(text: str | datetime) -> datetime:
    """Parse a day or a moment in any form that Segue prints; without a time zone it is UTC."""
    try:
        return text if isinstance(text, datetime) else parse_moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def duration(text: str | timedelta) -> timedelta:
    """Parse a duration such as ``90s``, ``30m``, ``12h`` or ``1d``."""
    try:
        return durations.duration(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error)) from error


def number(value: float) -> float:
    """Refuse what is no number, and so within any bounds."""
    if math.isnan(value):
        raise typer.BadParameter("give a number")
    return value


def topic_name(text: str) -> str:
    """Parse the name of a Kafka topic, as Kafka allows it."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text, re.ASCII) or text in (".", ".."):
        raise typer.BadParameter("a topic's name has up to 249 letters, digits, dots, dashes and underscores")
    return text


def state_folder(path: Path) -> Path:
    """Refuse a state folder that can't be made or written to."""
    try:
        existing = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    except OSError as error:
        raise typer.BadParameter(f"can't use this folder ({error.strerror})") from None
    if not existing.is_dir():
        raise typer.BadParameter(f"{existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise typer.BadParameter(f"{existing} can't be written to")
    return path


def check_cutoff(cutoff: datetime, first: datetime, last: datetime) -> None:
    """Refuse a cutoff before all transactions or more than a year after them; warn of one more than a day after."""
    if cutoff < first:
        fail(
            f"the cutoff {cutoff:%Y-%m-%d %H:%M} is before the first transaction, of {first:%Y-%m-%d %H:%M}: "
            f"choose one up to {last:%Y-%m-%d}"
        )
    after = cutoff - last
    if after > _A_YEAR:
        fail(f"the cutoff {cutoff:%Y-%m-%d} is {after.days:,} days after the last transaction; choose an earlier one")
    if after > _A_DAY:
        messages.print(
            f"The cutoff {cutoff:%Y-%m-%d} is after the last transaction, of {last:%Y-%m-%d}: recency grows till then.",
            style="yellow",
        )


def check_dates(dataset: "LoadedDataset", accept: bool) -> None:
    """Refuse a dataset with dates that are probably mistakes, unless they are accepted."""
    from data.datasets.unlikely_dates import in_one_line, unlikely_dates

    unlikely = unlikely_dates(dataset, datetime.now(UTC))
    if unlikely and not accept:
        fail(
            f"{in_one_line(dataset.name, unlikely)}; correct the file (`segue data describe` names the rows), or add "
            "--accept-dates to go on"
        )


def check_currency(dataset: "LoadedDataset", currency: str) -> None:
    """Refuse a dataset whose amounts are in another currency than the stream's."""
    if dataset.currency != currency:
        fail(
            f"{dataset.name} is in {dataset.currency}, and the stream in {currency}: set "
            f"SEGUE_CURRENCY={dataset.currency} for all processes of a new stream"
        )


_A_DAY, _A_YEAR = timedelta(days=1), timedelta(days=365)

#: As many as there are personas.
MOST_SEGMENTS = 10
MOST_ROWS = 1_000_000
#: Of Postgres' bigint.
LARGEST_ID = 2**63 - 1
A_WEEK_IN_MINUTES = 7 * 24 * 60
#: Of numpy's and scikit-learn's generators.
LARGEST_SEED = 2**32 - 1

Pace = Annotated[
    Speed,
    typer.Option(
        "--speed",
        parser=speed,
        metavar="SPEED",
        help="Event time per second: 1d/s, 12h/s, 500x, … or max.",
    ),
]
Cutoff = Annotated[
    Optional[datetime],  # noqa: UP045
    typer.Option(parser=moment, metavar="MOMENT", help="Fit on transactions before it. By default after one year."),
]
FitCutoff = Annotated[
    Optional[datetime],  # noqa: UP045
    typer.Option(
        parser=moment,
        metavar="MOMENT",
        help="Fit on transactions up to this moment. By default a day after the last transaction.",
    ),
]
Broker = Annotated[
    BrokerKind,
    typer.Option(help="The broker to start: `embedded` (in memory, needs nothing) or `apache` (needs Java and Maven)."),
]
Nodes = Annotated[
    int, typer.Option(min=1, max=3, help="Number of Kafka nodes; with 3, any one may fail. It can't be changed later.")
]
Workers = Annotated[int, typer.Option(min=1, help="Number of workers that share the partitions.")]
StateDir = Annotated[
    Path,
    typer.Option(envvar="SEGUE_STATE_DIR", callback=state_folder, help="Where the local stack keeps its data."),
]
MaxLag = Annotated[int, typer.Option(min=1, help="Pause sending while the workers' lag is above this many records.")]
Limit = Annotated[int, typer.Option(min=1, max=MOST_ROWS, help="Maximum number of rows in each table.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
AcceptDates = Annotated[
    bool,
    typer.Option(
        "--accept-dates",
        help="Go on with dates that are probably mistakes: in the future, or few and a year from all others.",
    ),
]
Drift = Annotated[bool, typer.Option("--drift", help="Start a drift observer, too; see `segue drift status`.")]
Live = Annotated[
    bool, typer.Option("--live", help="Start a clock and the HTTP API, too; see `segue clock` and `segue api`.")
]
Operator = Annotated[
    bool,
    typer.Option(
        "--operator", help="Let the dashboard write: add buttons that control a replay and retry dead letters."
    ),
]
AllowAnonymous = Annotated[
    bool,
    typer.Option(
        "--allow-anonymous",
        help="Without a login, listen on an interface that other machines can reach: everyone sees every customer. "
        "Never with --operator.",
    ),
]
MODEL_HELP = "A version, a part of it that no other version contains, `champion`, `challenger` or `proposed`."
Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
