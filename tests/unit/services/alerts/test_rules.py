"""What a file of alert rules may say, and the one line that refuses everything else."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from models.audience_text import parse
from services.alerts.quiet_hours import QuietHours
from services.alerts.rules import RuleError, parse_rules

FILE = """
zone = "Europe/London"
[[rule]]
name = "Champions are  leaving"
measure = "customers"
where = "moved_from = Champions and since = 1d"
above = 20
to = ["team", "team"]
quiet = "20:00-08:00"
[[rule]]
name = "Money"
measure = "money_at_stake"
audience = "Overdue"
above = 50_000.5
to = ["boss", "team"]
[[rule]]
name = "Stuck"
measure = "stuck_partitions"
above = 0
to = ["team"]
"""
STUCK = 'name = "Stuck"\nmeasure = "stuck_partitions"\nabove = 0\nto = ["team"]\n'


def one(lines: str) -> str:
    return f"[[rule]]\n{lines}"


def test_a_file_with_rules_of_all_kinds_is_read() -> None:
    leaving, money, stuck = parse_rules(FILE, ["team", "boss"])
    assert (leaving.name, leaving.measure, leaving.above, leaving.to) == (
        *("Champions are leaving", "customers", 20),
        ("team",),
    )
    assert leaving.where == parse("moved_from = Champions and since = 1d")
    assert leaving.quiet == QuietHours.parse("20:00-08:00", ZoneInfo("Europe/London"))
    assert (money.audience, money.where, money.above, money.to) == ("Overdue", None, 50_000.5, ("boss", "team"))
    assert (stuck.audience, stuck.where, stuck.quiet) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file has no rule: add one with `[[rule]]`"),
        ("[[rule", "not TOML"),
        ('colour = "red"', "unknown field `colour`"),
        (f'zone = "Mars/Base"\n{one(STUCK)}', "there is no time zone 'Mars/Base'"),
        (f'zone = "../../etc/passwd"\n{one(STUCK)}', "there is no time zone"),
        (one(STUCK) * 2, "two rules have the name 'Stuck'"),
        (one(STUCK) * 101, "101 rules: 100 at most"),
        (one('name = "A"'), "rule 1: Object missing required field `measure`"),
        (one(f'{STUCK}colour = "red"'), "rule 1: Object contains unknown field `colour`"),
        (one(STUCK.replace("= 0", "= -1")), "rule 1: Expected `float` >= 0"),
        (one(STUCK.replace("= 0", "= nan")), "rule 1: Expected `float`"),
        (
            one(STUCK.replace("stuck_partitions", "weather")),
            "there is no measure `weather`; the measures are customers",
        ),
        (one(STUCK.replace('"team"', '"nobody"')), "there is no destination 'nobody'; the destinations are boss, team"),
        (one(STUCK.replace('["team"]', "[]")), "rule 1: Expected `array` of length >= 1"),
        (one(f'{STUCK}audience = "VIPs"'), "rule 'Stuck': `stuck_partitions` is of no customers"),
        (one(STUCK.replace("stuck_partitions", "customers")), "`customers` needs either `audience`"),
        (
            one(STUCK.replace("stuck_partitions", "customers") + 'audience = "A"\nwhere = "everyone"'),
            "`customers` needs either `audience`",
        ),
        (one(STUCK.replace("stuck_partitions", "customers") + 'where = "risk = high"'), "where: `risk` is one of"),
        (one(f'{STUCK}quiet = "all night"'), "`quiet` is two times such as 20:00-08:00, not `all night`"),
        (one(f'{STUCK}quiet = "25:00-08:00"'), "`quiet` is two times"),
        (one(f'{STUCK}quiet = "08:00-08:00"'), "`quiet` begins when it ends"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse_rules(text, ["team", "boss"])
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_destinations_the_setting_is_named() -> None:
    with pytest.raises(RuleError, match="none: set SEGUE_ALERT_DESTINATIONS"):
        parse_rules(one(STUCK), [])


@pytest.mark.parametrize(
    ("hours", "quiet"),
    [("20:00-08:00", {20, 23, 0, 7}), ("12:00 to 14:00", {12, 13}), ("0:00-1:00", {0})],
)
def test_quiet_hours_begin_and_end_at_their_times_of_the_day(hours: str, quiet: set[int]) -> None:
    night = QuietHours.parse(hours, ZoneInfo("UTC"))
    found = {hour for hour in range(24) if night.includes(datetime(2026, 3, 1, hour, tzinfo=UTC))}
    assert quiet <= found
    assert {(hour - 1) % 24 for hour in (20, 12, 0) if hour in quiet and (hour - 1) % 24 not in quiet}.isdisjoint(found)


def test_quiet_hours_are_those_of_the_zone() -> None:
    night = QuietHours.parse("20:00-08:00", ZoneInfo("Europe/London"))
    assert not night.includes(datetime(2026, 1, 1, 19, 30, tzinfo=UTC))
    assert night.includes(datetime(2026, 7, 1, 19, 30, tzinfo=UTC))
