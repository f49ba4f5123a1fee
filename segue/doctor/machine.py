"""Judgements about this machine: Python, packages, settings, disk, the state folder and Java."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from runtime.environment import unknown_variables
from segue.doctor.finding import CheckFinding, ok, problem, warning

_OLDEST_PYTHON = (3, 11)
_GIGABYTE = 1 << 30
_LITTLE_DISK, _NO_DISK = 5 * _GIGABYTE, 1 * _GIGABYTE
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;(.*))?$")
_BOUND = re.compile(r"(>=|<=|==|!=|<|>)\s*([0-9][0-9.]*)")


class Requirement(NamedTuple):
    """A package with its bounds; ``optional`` if only an extra needs it."""

    name: str
    bounds: tuple[tuple[str, str], ...]
    optional: bool


def python(version: tuple[int, int, int]) -> CheckFinding:
    """Whether Python is new enough."""
    shown = ".".join(map(str, version))
    if version[:2] < _OLDEST_PYTHON:
        return problem("python", f"Python {shown}", "Segue needs Python 3.11 or newer: install it")
    return ok("python", f"Python {shown}")


def requirement(line: str) -> Requirement | None:
    """Read one line of a package's requirements; None if it is not one, or only for another package of Segue.

    >>> requirement('psycopg[binary]>=3.3')
    Requirement(name='psycopg', bounds=(('>=', '3.3'),), optional=False)
    """
    found = _REQUIREMENT.match(line)
    if found is None or found[1] == "segue":
        return None
    bounds = tuple((each[1], each[2]) for each in _BOUND.finditer(found[2]))
    return Requirement(found[1], bounds, "extra" in (found[3] or ""))


def packages(required: Iterable[Requirement], installed: Mapping[str, str | None]) -> CheckFinding:
    """Whether the installed packages are within the bounds that this version of Segue was tested with.

    Parameters
    ----------
    installed
        The version of each required package; None if it is not installed.
    """
    missing, outside = [], []
    for each in required:
        version = installed[each.name]
        if version is None:
            missing += [] if each.optional else [each.name]
        elif not all(_within(version, *bound) for bound in each.bounds):
            outside.append(f"{each.name} {version} ({','.join(a + b for a, b in each.bounds)})")
    if missing or outside:
        text = "; ".join(
            part
            for part in (
                f"not installed: {', '.join(sorted({*missing}))}" if missing else "",
                f"outside its bounds: {', '.join(sorted({*outside}))}" if outside else "",
            )
            if part
        )
        return problem("packages", text, "run `pip install --upgrade segue`, with `-c constraints.txt` in a checkout")
    count = sum(version is not None for version in installed.values())
    return ok("packages", f"{count} required packages are within their bounds")


def unknown_settings(variables: Collection[str], known: Collection[str]) -> CheckFinding:
    """Whether every ``SEGUE_`` variable in the environment is a setting."""
    unknown = unknown_variables(variables, known)
    if unknown:
        return warning("settings", f"unknown: {', '.join(unknown)}", "correct the name; docs/settings.md lists all")
    used = sorted(name for name in variables if name.startswith("SEGUE_"))
    return ok("settings", f"from the environment: {', '.join(used)}" if used else "none in the environment")


def connections(brokers: str | None, database: str | None, reason: str | None) -> CheckFinding:
    """Where the settings point to; ``reason`` is why no local stack is running, None if one is."""
    stack = "a local stack is running" if reason is None else reason
    text = f"brokers {brokers or 'not set'}, database {database or 'not set'}; {stack}"
    if brokers is None or database is None:
        advice = "start `segue up`, or set SEGUE_BOOTSTRAP_SERVERS and SEGUE_DATABASE_URL"
        return problem("connections", text, advice)
    return ok("connections", text)


def disk(free: int, total: int, folder: str) -> CheckFinding:
    """Whether there is room for the state folder, in bytes."""
    text = f"{free / _GIGABYTE:,.1f} of {total / _GIGABYTE:,.1f} GB free for {folder}"
    if free < _NO_DISK:
        return problem("disk", text, "make room: Kafka and Postgres stop when the disk is full")
    return warning("disk", text, "make room soon") if free < _LITTLE_DISK else ok("disk", text)


def state_folder(mode: int | None, is_root: bool, folder: str) -> CheckFinding:
    """Whether other users can open the state folder; its mode is None if it does not exist."""
    if mode is None:
        return ok("state folder", f"{folder} does not exist yet")
    # Root's Postgres runs as another user in root's group, who has to pass through.
    if mode & (0o067 if is_root else 0o077):
        advice = "start the stack again, which closes it, or run `chmod -R go-rwx` on it"
        return warning("state folder", f"other users can open {folder} ({mode & 0o777:04o})", advice)
    return ok("state folder", f"only its owner can read {folder}")


def java(reason: str | None) -> CheckFinding:
    """Whether the local Apache Kafka can start; ``reason`` is what is missing, None if nothing is."""
    if reason is not None:
        return warning("java", reason, "it is needed only for `--broker apache`")
    return ok("java", "Java and Maven for `--broker apache` are installed")


def _within(version: str, operator: str, bound: str) -> bool:
    have, want = _numbers(version), _numbers(bound)
    width = max(len(have), len(want))
    have, want = have + (0,) * (width - len(have)), want + (0,) * (width - len(want))
    return {
        ">=": have >= want,
        "<=": have <= want,
        "==": have == want,
        "!=": have != want,
        "<": have < want,
        ">": have > want,
    }[operator]


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
