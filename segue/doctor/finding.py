"""The result of one check."""

from typing import Literal

import msgspec

Level = Literal["ok", "warning", "problem"]


class CheckFinding(msgspec.Struct, frozen=True):
    """What a check found: one line, and what to do about it (empty if there is nothing to do)."""

    check: str
    level: Level
    text: str
    advice: str = ""


def ok(check: str, text: str) -> CheckFinding:
    """A check that found nothing wrong."""
    return CheckFinding(check, "ok", text)


def warning(check: str, text: str, advice: str) -> CheckFinding:
    """Something that works, but not as it should."""
    return CheckFinding(check, "warning", text, advice)


def problem(check: str, text: str, advice: str) -> CheckFinding:
    """Something that does not work, or that loses or repeats something."""
    return CheckFinding(check, "problem", text, advice)
