"""Arguments and options that several commands share."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Optional

import typer

from producers.pace import Speed
from segue.cli.console import fail, words
from segue.local.stack import BrokerKind


def speed(text: str | Speed) -> Speed:
    """A speed as people write it."""
    # Typer parses defaults too.
    try:
        return text if isinstance(text, Speed) else Speed.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def check_cutoff(cutoff: datetime, last: datetime) -> None:
    """Refuse a cutoff so long after the last transaction that everybody has left; warn of any after it."""
    after = cutoff - last
    if after > _NONSENSE:
        fail(f"the cutoff {cutoff:%Y-%m-%d} is {after.days:,} days after the last transaction; choose an earlier one")
    if after > _A_DAY:
        words.print(
            f"The cutoff {cutoff:%Y-%m-%d} is after the last transaction, of {last:%Y-%m-%d}: nobody buys in between.",
            style="yellow",
        )


_A_DAY, _NONSENSE = timedelta(days=1), timedelta(days=365)

DATASET_HELP = "A .parquet, .csv or .xlsx file of Online Retail II's layout."
Dataset = Annotated[Path, typer.Argument(help=DATASET_HELP, exists=True, dir_okay=False)]
OptionalDataset = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads it
    typer.Argument(
        help=f"{DATASET_HELP} By default the downloaded one if there is one, otherwise synthetic data.",
        exists=True,
        dir_okay=False,
    ),
]
Pace = Annotated[
    Speed,
    typer.Option("--speed", parser=speed, metavar="SPEED", help="Event time per second: 1d/s, 12h/s, 500x, … or max."),
]
Cutoff = Annotated[
    Optional[datetime],  # noqa: UP045
    typer.Option(formats=["%Y-%m-%d"], help="Fit on what happened before this day. By default one year in."),
]
FitCutoff = Annotated[
    Optional[datetime],  # noqa: UP045
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        help="Count what happened up to this moment, as of it. By default a day after the last transaction.",
    ),
]
Broker = Annotated[
    BrokerKind,
    typer.Option(help="The broker to start: `embedded` (in memory, needs nothing) or `apache` (needs Java and Maven)."),
]
Nodes = Annotated[
    int, typer.Option(min=1, max=3, help="Nodes of Apache Kafka: with 3, one may die at any time. Chosen once.")
]
Workers = Annotated[int, typer.Option(min=1, help="How many workers share the partitions.")]
StateDir = Annotated[Path, typer.Option(envvar="SEGUE_STATE_DIR", help="Where the local stack keeps its data.")]
MaxLag = Annotated[int, typer.Option(min=1, help="Hold back while the worker is more than this many records behind.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Drift = Annotated[bool, typer.Option("--drift", help="Start a drift observer too: `segue drift status` shows it.")]
Operator = Annotated[
    bool,
    typer.Option(
        "--operator", help="Give the dashboard buttons that control a replay and retry dead letters: it can write then."
    ),
]
MODEL_HELP = "A version, a part of it that no other version contains, `champion`, `challenger` or `proposed`."
Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
