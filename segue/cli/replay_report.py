"""What became of a replay, and what a dry run would send: as text, as JSON, and as an exit code."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from producers.chaos import Injected
from producers.dry_run import DryRun
from producers.outcome import ReplayOutcome
from runtime.counts import many
from runtime.readable import visible
from segue.cli.console import fail, messages, output

_REASONS = 3


def exit_code(outcome: ReplayOutcome, injected: Injected | None, differences: list[str]) -> int:
    """Return 0 if all is accounted for and nothing failed that was not meant to fail; otherwise 1."""
    if injected is None:
        return 0 if outcome.is_clean else 1
    return 0 if outcome.is_complete and not differences else 1


def report(
    dataset: str,
    outcome: ReplayOutcome,
    injected: Injected | None,
    differences: list[str],
    *,
    stopped: bool,
    as_json: bool,
) -> None:
    """Print what became of what a replay has sent."""
    if as_json:
        content = {
            "dataset": dataset,
            **msgspec.to_builtins(outcome),
            "stopped": stopped,
            "injected": None if injected is None else msgspec.to_builtins(injected),
            "differences": differences,
        }
        output.print_json(msgspec.json.encode(content).decode())
    if injected is not None:
        messages.print(_chaos_line(injected, differences, stopped), soft_wrap=True, markup=False)
    messages.print(outcome_line(outcome, stopped), soft_wrap=True, markup=False)


def outcome_line(outcome: ReplayOutcome, stopped: bool = False) -> str:
    """Return what became of what was sent as one line."""
    others = f", with those of {many(outcome.others, 'record')} of others" if outcome.others and outcome.late else ""
    parts = [
        f"{outcome.applied:,} applied ({outcome.late:,} late{others})",
        f"{many(outcome.duplicates, 'duplicate')}",
        f"{many(outcome.rejected, 'dead letter')}{_reasons(outcome.dead_letters)}",
        f"{outcome.not_applied:,} not applied yet",
    ]
    if outcome.forgotten:
        parts.append(f"{outcome.forgotten:,} of forgotten customers dropped")
    if outcome.unaccounted:
        parts.append(f"{outcome.unaccounted:,} unaccounted for: see `segue faults list`")
    if outcome.control_dead_letters:
        count = sum(outcome.control_dead_letters.values())
        parts.append(
            f"{many(count, 'tick is a dead letter', 'ticks are dead letters')}{_reasons(outcome.control_dead_letters)}"
        )
    line = f"{outcome.sent:,} sent: {', '.join(parts)}"
    return f"stopped: {line}; continue with --resume" if stopped else line


def print_dry_run(run: DryRun, loop: bool, *, aside: bool) -> None:
    """Print what would be sent; ``aside`` to standard error, because standard output has the records."""
    lines = [
        f"{many(run.transactions, 'transaction')} of {run.dataset} from {run.first} to {run.last}",
        f"{many(run.ticks, 'tick')} to every partition",
        f"into the topic {run.topic} at {run.speed}: {_duration(run.seconds)}",
    ]
    if run.injected is not None:
        injected = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in run.injected.items())
        lines.append(f"with chaos: {injected}")
    if loop:
        lines.append("again and again, each time as a new period; this is the first one")
    for line in lines:
        (messages if aside else output).print(line, soft_wrap=True, markup=False)


def write_lines(path: Path, lines: Iterable[bytes]) -> int:
    """Write lines beside a file and rename them to it when they are complete; returns their number."""
    if path.is_dir() or not path.parent.is_dir():
        fail(f"can't write {path}: {'it is a folder' if path.is_dir() else f'there is no folder {path.parent}'}")
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    count = 0
    try:
        with aside.open("xb") as file:
            for line in lines:
                file.write(line)
                count += 1
        aside.replace(path)
    except OSError as error:
        fail(f"can't write {path}: {error.strerror or error}")
    finally:
        aside.unlink(missing_ok=True)
    return count


def _chaos_line(injected: Injected, differences: list[str], stopped: bool) -> str:
    counts = (
        f"injected: {many(injected.duplicates, 'duplicate')}, {injected.late:,} late "
        f"({injected.held_back:,} held back), {injected.malformed:,} malformed, {many(injected.conflicts, 'conflict')}"
    )
    if stopped:
        return counts
    if differences:
        return f"{counts}; the stack reports {', '.join(differences)}"
    return f"{counts}; the stack reports the same"


def _reasons(letters: dict[str, int]) -> str:
    """The most frequent reasons in parentheses, and where to see all."""
    if not letters:
        return ""
    shown = [f"{count:,}: {visible(reason)}" for reason, count in list(letters.items())[:_REASONS]]
    rest = len(letters) - _REASONS
    more = [many(rest, "other reason")] if rest > 0 else []
    return f" ({'; '.join([*shown, *more])}; see `segue dlq list`)"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "as fast as the workers can apply them"
    days, rest = divmod(round(seconds), 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number:,} {unit}" for number, unit in units if number) or "less than a second"
