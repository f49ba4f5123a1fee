"""``segue doctor``: look at a set-up and say what to do."""

import msgspec
import typer
from rich.text import Text

from segue.cli import options
from segue.cli.console import output, spinner

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(as_json: options.AsJson = False) -> None:
    """Check this set-up, and say what to do: versions, settings, Kafka, Postgres, clocks, lag, disk and Java.

    Each check is one line: ok, warning or problem. The exit code is 1 if there is a problem. Nothing is changed.
    """
    # Importing the clients of Kafka and Postgres is slow.
    from segue.doctor.examine import examine

    with spinner("Looking"):
        findings = [*examine()]
    count = {level: sum(each.level == level for each in findings) for level in _STYLES}
    if as_json:
        content = {"findings": findings, "problems": count["problem"], "warnings": count["warning"]}
        output.print_json(msgspec.json.encode(content).decode())
    else:
        for each in findings:
            advice = f"; {each.advice}" if each.advice else ""
            line = f"  {each.check}: {each.text}{advice}"
            output.print(Text.assemble((f"{each.level:<7}", _STYLES[each.level]), line))
        output.print(f"{count['problem']} problems, {count['warning']} warnings")
    raise typer.Exit(1 if count["problem"] else 0)
