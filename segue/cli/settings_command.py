"""``segue settings``: every setting with its value; and a warning of variables that are none."""

import os

import msgspec
import typer
from rich.text import Text

from runtime.environment import nearest, unknown_variables
from runtime.setting_values import setting_values
from runtime.settings import Settings, variables
from segue.cli import options
from segue.cli.console import messages, output, table


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="settings")(show_settings)


def show_settings(as_json: options.AsJson = False) -> None:
    """Show every setting, its value and where its value comes from; secrets are masked.

    A value comes from the environment, from a file with a secret, from the running local stack, or is the default.
    """
    found = setting_values(Settings())
    if as_json:
        output.print_json(msgspec.json.encode([each._asdict() for each in found]).decode())
        return
    rows = [[each.variable, "—" if each.value is None else each.value, each.source] for each in found]
    output.print(table("Settings", ["setting", "value", "from"], rows, align="left"))


def warn_of_unknown() -> None:
    """Print one line if the environment has ``SEGUE_`` variables that are no settings."""
    known = variables()
    unknown = unknown_variables(os.environ, known)
    if not unknown:
        return
    named = ", ".join(f"{name} (do you mean {like}?)" if (like := nearest(name, known)) else name for name in unknown)
    text = f"not a setting, so without effect: {named}; `segue settings` shows all"
    messages.print(Text(f"warning: {text}", style="yellow"), soft_wrap=True)
