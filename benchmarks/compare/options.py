"""What to measure: the command line's options."""

import argparse
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.compare.contenders import BY_NAME

_QUICK_KINDS = ("limits", "throughput", "latency", "kills", "scale")
KINDS = (*_QUICK_KINDS, "replay", "pages")
_QUICK_INVOICES = 10_000
_QUICK_POPULATION = 20_000


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure; ``command`` measures it again.

    With ``half_rate``, latency is also measured at half of the rate that Segue reaches. ``history`` is None if ratios
    are not kept.
    """

    command: str
    kinds: tuple[str, ...]
    brokers: tuple[str, ...]
    contenders: tuple[str, ...]
    rounds: int
    invoices: tuple[int, ...]
    customers: int
    rates: tuple[int, ...]
    half_rate: bool
    seconds: float
    kills: int
    population: int
    dataset: Path | None
    json: bool
    history: Path | None
    read: Path | None


def parse(arguments: list[str], description: str | None) -> Options:
    """The options that arguments stand for."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.compare", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="10,000 invoices, one round, no replay and no pages: a minute or two"
    )
    parser.add_argument("--only", nargs="+", choices=KINDS, help="by default, everything")
    parser.add_argument("--brokers", nargs="+", choices=("apache", "embedded"), default=("apache", "embedded"))
    parser.add_argument("--contenders", nargs="+", choices=BY_NAME, default=tuple(BY_NAME), metavar="NAME")
    parser.add_argument("--rounds", type=_positive, default=3, help="the contenders take turns so often")
    parser.add_argument("--invoices", nargs="+", type=_positive, default=(100_000, 500_000), help="of 1.1 KB each")
    parser.add_argument("--customers", type=_positive, default=20_000)
    parser.add_argument(
        "--rates", nargs="+", type=_positive, default=(100, 1_000), help="invoices a second, for latency"
    )
    parser.add_argument("--seconds", type=_positive, default=10, help="of each rate")
    parser.add_argument("--kills", type=_positive, default=1, help="in the middle of one run")
    parser.add_argument("--population", type=_positive, default=1_000_000, help="customers of the large database")
    parser.add_argument(
        "--dataset", type=Path, metavar="FILE", help="to replay; by default the downloaded one, else synthetic data"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--history", type=Path, metavar="FILE", help="compare with the last ratios there, and add these"
    )
    parser.add_argument(
        "--read", type=Path, metavar="FILE", help="measure nothing: print the tables of a --json output"
    )
    chosen = parser.parse_args(arguments)
    options = Options(
        command=shlex.join(["python", "-m", "benchmarks.compare", *arguments]),
        kinds=tuple(chosen.only or (_QUICK_KINDS if chosen.quick else KINDS)),
        brokers=tuple(chosen.brokers),
        contenders=tuple(chosen.contenders),
        rounds=chosen.rounds,
        invoices=tuple(sorted(chosen.invoices)),
        customers=chosen.customers,
        rates=tuple(chosen.rates),
        half_rate=True,
        seconds=float(chosen.seconds),
        kills=chosen.kills,
        population=chosen.population,
        dataset=chosen.dataset,
        json=chosen.json,
        history=chosen.history,
        read=chosen.read,
    )
    return _quick(options) if chosen.quick else options


def _quick(options: Options) -> Options:
    return replace(
        options,
        rounds=1,
        invoices=(_QUICK_INVOICES,),
        customers=_QUICK_INVOICES // 5,
        contenders=tuple(name for name in options.contenders if name != "streams-2"),
        rates=(100,),
        half_rate=False,
        seconds=3.0,
        population=_QUICK_POPULATION,
    )


def _positive(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not digits.isdecimal() or int(digits) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(digits)
