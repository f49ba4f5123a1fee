"""Command lines with bad values of every kind, made from the commands themselves, and what is wrong with their end.

An unexpected error, which the command line turns into one line as its last resort, counts as wrong.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from data.datasets import synthetic
from data.datasets.fetch import CACHE_NAME
from segue.cli.program import UNEXPECTED
from segue.cli.reference import commands
from tests.support.commands import Done, in_process

COMMANDS = dict(commands())
LONGEST_MESSAGE = 700

NUMBERS = ("", "-1", "0", "nan", "inf", "1e400", "1.5", "99999999999", "9" * 400, "-99999999999999999999", "٣", "x")
TEXTS = (
    *("", " ", "-", "--", "x" * 5_000, "ß\u202e\u2028", "\x1b[31m", "'; DROP TABLE models", "../../etc/passwd"),
    *("a=b", "0x10", "\udcff"),
)
MOMENTS = ("", "tomorrow", "0001-01-01", "9999-12-31T23:59:59+14:00", "2010-02-30", "9" * 400, "2010-12-01T08:26")
SPEEDS = ("", "0", "-1x", "nan", "inf", "1e400x", "d/s", "1d/", "9" * 400 + "x", "max max")
PATHS = (
    *("", ".", "folder", "missing.csv", "none/missing.csv", "unreadable.csv", "empty.csv", "binary.csv"),
    *("binary.xlsx", "binary.parquet", "utf16.csv", "header.csv", "wrong.txt", "folder.csv", "x" * 300, "x/" * 3_000),
    *("loop.csv", "\u202e.csv", "damaged.json", "deep.json", "*.nothing", "/dev/null", "/proc/self/mem"),
    *("broken.csv.gz", "\udcff.csv"),
)
# What the options about files are tried with: only with files can they be wrong in themselves.
_SHOP = "shop.csv"
_ABOUT_FILES = {"--mapping", "--set", "--on-error", "--rejects"}
FILES = {
    "empty.csv": b"",
    "binary.csv": bytes(range(256)) * 40,
    "binary.xlsx": b"PK\x03\x04" + bytes(range(256)),
    "binary.parquet": b"PAR1" + bytes(range(256)) + b"PAR1",
    "utf16.csv": "Invoice,StockCode\n1,2\n".encode("utf-16"),
    "header.csv": b"Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n",
    "wrong.txt": b"hello",
    "\u202e.csv": b"\xff\xfe\x00",
    "damaged.json": b'{"version":',
    "deep.json": b"[" * 100_000,
    "broken.csv.gz": b"\x1f\x8b\x08\x00broken",
    _SHOP: b"invoice,customer,quantity,price,date\n1,ann,2,3.50,2024-03-01 10:00\n2,bob,1,4.50,2024-03-02 11:00\n",
}
# They run until they are stopped, start servers, or download: only what they refuse before that can be tried.
LONG = {"segue demo", "segue up", "segue soak", "segue sim", "segue worker", "segue dashboard", "segue data fetch"}


class Case(NamedTuple):
    """One command line, without the name of the program."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(word if len(word) < 30 else f"{word[:27]}..." for word in self.words)


def kind(parameter: Any) -> tuple[str, ...]:
    """Bad values of a parameter."""
    if parameter.metavar == "MOMENT" or parameter.type_descriptor.annotation is datetime:
        return MOMENTS
    if parameter.metavar == "SPEED":
        return SPEEDS
    described = f"{parameter.type_descriptor.annotation} {parameter.metavar}"
    if "Path" in described:
        return PATHS
    return NUMBERS if "int" in described or "float" in described else TEXTS


def needed(command: Any, without: Any) -> list[str]:
    """Valid values of the other arguments that a command needs."""
    return (
        [
            "1" if "int" in str(each.type_descriptor.annotation) else "champion"
            for each in command.params
            if each.required and each is not without and each.param_type_name == "argument"
        ]
        + [
            word
            for each in command.params
            if each.required and each is not without and each.param_type_name != "argument"
            for word in (each.opts[0], "text")
        ]
        + [_SHOP for each in command.params if each.name == "files" and without.opts[0] in _ABOUT_FILES]
    )


def cases() -> Iterator[Case]:
    for path, command in COMMANDS.items():
        words = path.split()[1:]
        yield Case((*words, "--no-such-option"))
        for parameter in command.params:
            if parameter.name == "help" or getattr(parameter, "is_flag", False):
                continue
            for value in kind(parameter):
                if parameter.param_type_name == "argument":
                    yield Case((*words, *needed(command, parameter), "--", value))
                else:
                    yield Case((*words, *needed(command, parameter), f"{parameter.opts[0]}={value}"))


def cases_of(path: str) -> list[Case]:
    """The command lines of one command."""
    words = tuple(path.split()[1:])
    return [case for case in CASES if case.words[: len(words)] == words]


CASES = [*cases()]
QUICK = sorted(set(COMMANDS) - LONG)


def run(case: Case) -> Done:
    """Run a command line in this process, as a shell would start it."""
    return in_process(*case.words)


def write_files(folder: Path) -> None:
    """Write files that no command can use, and one of a shop, into a folder.

    A small shop takes the place of the downloaded dataset, which a command reads that is given no file: what is tried
    are the other arguments, many times.
    """
    datasets = folder / ".segue" / "datasets"
    datasets.mkdir(parents=True)
    synthetic.write(_small_shop(), datasets / CACHE_NAME)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    (folder / "folder.csv").mkdir()
    (folder / "unreadable.csv").write_text("secret")
    (folder / "unreadable.csv").chmod(0)
    (folder / "loop.csv").symlink_to("loop.csv")


@cache
def _small_shop() -> pd.DataFrame:
    return synthetic.generate(customers=60, days=400, seed=1)


def judged(case: Case) -> str | None:
    """What is wrong with how a command ended; None if it is as it should be."""
    try:
        done = run(case)
    except BaseException as error:
        return f"{case}: {type(error).__name__} escaped: {str(error)[:200]}"
    said = done.stdout + done.stderr
    if "Traceback" in said or UNEXPECTED in said:
        return f"{case}: {said[-600:]}"
    if done.returncode not in (0, 1, 2):
        return f"{case}: exit code {done.returncode}"
    if done.returncode == 0:
        return None
    complaint = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    if done.returncode == 1 and len(complaint) != 1:
        return f"{case}: {len(complaint)} errors: {said[-600:]}"
    if done.returncode == 1 and len(complaint[0]) > LONGEST_MESSAGE + sum(map(len, case.words)):
        return f"{case}: {len(complaint[0])} characters: {complaint[0][:300]}"
    return None
