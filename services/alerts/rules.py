"""The alert rules of a TOML file. Pure.

::

    zone = "Europe/London"                  # of quiet hours; UTC by default

    [[rule]]
    name = "Champions are leaving"
    measure = "customers"                   # see MEASURES
    where = "moved_from = Champions and since = 1d"
    above = 20
    to = ["marketing"]                      # names of destinations
    quiet = "20:00-08:00"
"""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from models.audience import AudienceDefinition, AudienceError
from models.audience_text import parse
from runtime.errors import SegueError
from services.alerts.quiet_hours import QuietHours

Measure = Literal[
    "customers", "money_at_stake", "dead_letters", "drift_alarms", "prediction_error", "lag", "stuck_partitions"
]
MEASURES: tuple[Measure, ...] = get_args(Measure)
#: Measures of a group of customers.
OF_CUSTOMERS = ("customers", "money_at_stake")
MOST_RULES = 100
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class RuleError(SegueError, ValueError):
    """A file of rules that can't be used; the message says on one line what is wrong and what is possible."""


@dataclass(frozen=True)
class Rule:
    """What somebody wants to be alerted to: a measure above a limit.

    Parameters
    ----------
    audience, where
        For a measure of customers, the name of a saved audience, or a definition: one of the two. None otherwise.
    above
        The limit: in customers, currency units, records, alarms, per cent or partitions.
    to
        Names of destinations.
    quiet
        When no message is sent; None for never.
    """

    name: str
    measure: Measure
    above: float
    to: tuple[str, ...]
    audience: str | None = None
    where: AudienceDefinition | None = None
    quiet: QuietHours | None = None


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    name: _Text
    measure: str
    above: Annotated[float, msgspec.Meta(ge=0, le=1e15)]
    to: Annotated[list[_Text], msgspec.Meta(min_length=1)]
    audience: _Text | None = None
    where: str | None = None
    quiet: str | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: list[msgspec.Raw | dict[str, object]] = []
    zone: str = "UTC"


def parse_rules(text: str, destinations: Collection[str] | None) -> tuple[Rule, ...]:
    """The rules of a file's text.

    Parameters
    ----------
    destinations
        The names of all destinations; None for a reader who does not know them.

    Raises
    ------
    RuleError
        If the text is no such file, has no rule, or names a destination that there is not.
    """
    try:
        file = msgspec.convert(tomllib.loads(text), _File)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise RuleError(f"{error}; the file has `zone` and one `[[rule]]` for each rule") from None
    if not file.rule:
        raise RuleError("the file has no rule: add one with `[[rule]]`")
    if len(file.rule) > MOST_RULES:
        raise RuleError(f"the file has {len(file.rule):,} rules: {MOST_RULES} at most")
    zone = _zone(file.zone)
    rules = tuple(_rule(number, written, zone, destinations) for number, written in enumerate(file.rule, 1))
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise RuleError(f"two rules have the name {name!r}: names tell messages apart")
    return rules


def _rule(number: int, written: object, zone: ZoneInfo, destinations: Collection[str] | None) -> Rule:
    try:
        given = msgspec.convert(written, _Written)
    except msgspec.ValidationError as error:
        raise RuleError(f"rule {number}: {error}") from None
    try:
        return Rule(
            name=" ".join(given.name.split()),
            measure=_measure(given.measure),
            above=given.above,
            to=_known(given.to, destinations),
            quiet=None if given.quiet is None else QuietHours.parse(given.quiet, zone),
            audience=given.audience,
            where=_definition(given),
        )
    except ValueError as error:
        raise RuleError(f"rule {given.name!r}: {error}") from None


def _measure(text: str) -> Measure:
    for measure in MEASURES:
        if measure == text:
            return measure
    raise RuleError(f"there is no measure `{text}`; the measures are {', '.join(MEASURES)}")


def _definition(given: _Written) -> AudienceDefinition | None:
    """The customers whom a rule is about; None if a saved audience names them, or if it is about no customers."""
    if given.measure not in OF_CUSTOMERS:
        if given.audience is not None or given.where is not None:
            raise RuleError(f"`{given.measure}` is of no customers: leave `audience` and `where` out")
        return None
    if (given.audience is None) == (given.where is None):
        raise RuleError(f"`{given.measure}` needs either `audience`, the name of a saved one, or `where`, a definition")
    try:
        return None if given.where is None else parse(given.where)
    except AudienceError as error:
        raise RuleError(f"where: {error}") from None


def _known(names: list[str], destinations: Collection[str] | None) -> tuple[str, ...]:
    for name in names:
        if destinations is not None and name not in destinations:
            possible = ", ".join(sorted(destinations)) or "none: set SEGUE_ALERT_DESTINATIONS"
            raise RuleError(f"there is no destination {name!r}; the destinations are {possible}")
    return tuple(dict.fromkeys(names))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise RuleError(f"there is no time zone {name!r}: write it as Europe/London") from None
