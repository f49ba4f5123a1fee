"""The ``segue`` command with all its subcommands."""

from functools import cache
from typing import Any

import typer

from segue.cli.command_table import COMMANDS, GROUPS, with_commands

app = with_commands([*COMMANDS, *GROUPS])


@cache
def command_line() -> Any:
    """The command with all its subcommands. Building it takes longer than most commands take to refuse a bad value."""
    return typer.main.get_command(app)
