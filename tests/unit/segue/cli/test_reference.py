"""docs/cli.md is generated from the command line, and is up to date."""

import re

from segue.cli.reference import PAGE, REGENERATE, commands, page
from segue.cli.tasks import TASKS


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), f"docs/cli.md is out of date: run `{REGENERATE}`"


def test_every_command_has_a_section() -> None:
    sections = re.findall(r"^## (.+)$", page(), re.MULTILINE)
    assert sections == [path for path, _ in commands()]


def test_every_command_serves_a_task() -> None:
    listed = " ".join(command for task in TASKS for command in task.commands)
    assert [path for path, _ in commands() if path not in listed] == []
