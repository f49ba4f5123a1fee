"""docs/cli.md, generated from the command line itself: ``python -m segue.cli.reference`` writes it."""

import inspect
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from segue.cli.app import command_line
from segue.cli.tasks import TASKS

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
REGENERATE = "python -m segue.cli.reference"

_KINDS = {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH", datetime: "DATE"}
_INTRODUCTION = f"""\
# Commands

<!-- Generated: change the help texts in segue/cli, then run `{REGENERATE}`. -->

Every command explains itself with `--help`. Commands find a running `segue up` or `segue demo` through its state
folder: `.segue`, or the folder that `SEGUE_STATE_DIR` names. Other connections come from [settings](settings.md).
"""


def page() -> str:
    """The whole page, as Markdown."""
    tasks = [f"| {task.goal} | {', '.join(f'`{command}`' for command in task.commands)} |" for task in TASKS]
    parts = [_INTRODUCTION, "\n".join(["| you want to | command |", "|---|---|", *tasks]) + "\n"]
    parts += [_section(path, command) for path, command in commands()]
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, in the order of ``segue --help``."""
    yield from _below(command_line(), "segue")


def _below(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _below(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _section(path: str, command: Any) -> str:
    parameters = [parameter for parameter in command.params if parameter.name != "help"]
    arguments = [_argument(parameter) for parameter in parameters if _is_argument(parameter)]
    options = ["[OPTIONS]"] if len(arguments) < len(parameters) else []
    usage = " ".join([path, *options, *arguments])
    lines = [f"## {path}", "", "```", usage, "```", "", inspect.cleandoc(command.help)]
    if parameters:
        lines += ["", "| parameter | default | description |", "|---|---|---|", *map(_row, parameters)]
    return "\n".join(lines) + "\n"


def _row(parameter: Any) -> str:
    name = _argument(parameter) if _is_argument(parameter) else _option(parameter)
    variable = f" Or `{parameter.envvar}`." if parameter.envvar else ""
    return f"| `{_cell(name)}` | {_default(parameter)} | {_cell(parameter.help)}{variable} |"


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _argument(parameter: Any) -> str:
    name: str = parameter.metavar or parameter.name.upper()
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _option(parameter: Any) -> str:
    names = ", ".join(sorted(parameter.opts, key=len, reverse=True))
    return names if parameter.is_flag else f"{names} {_value(parameter)}"


def _value(parameter: Any) -> str:
    """What to write after an option's name: its placeholder, its choices, or its kind."""
    if parameter.metavar:
        return str(parameter.metavar)
    annotation = parameter.type_descriptor.annotation
    kind = next((each for each in get_args(annotation) if each is not type(None)), annotation)
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    return _KINDS[kind]


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is None or value is False:
        return ""
    return f"`{value}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"Wrote {PAGE}\n")
