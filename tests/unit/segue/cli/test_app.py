"""The command line as users see it: every command has help, and every error is one line that says what to do."""

import os
import socket
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from segue.cli.app import command_line
from segue.cli.command_table import COMMANDS as PLAIN
from segue.cli.command_table import GROUPS, only
from segue.cli.reference import commands
from tests.support.commands import Done, in_process

Command = tuple[str, ...]


COMMANDS = {tuple(path.split()[1:]): command for path, command in commands()}


def segue(*arguments: str, folder: Path, **variables: str) -> Done:
    """Run a command in a folder, with no setting of Segue but these."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")} | variables
    with patch.dict(os.environ, environment, clear=True), chdir(folder):
        return in_process(*arguments)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_explains_itself(path: Command) -> None:
    command = COMMANDS[path]
    assert command.help
    assert len(command.help.split()) >= 3
    for parameter in command.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{' '.join(path)}: {parameter.name} has no help"


def test_the_expected_commands_exist() -> None:
    expected = {"demo", "up", "fit", "replay", "worker", "dashboard", "reconcile", "changes", "status", "migrate"}
    assert expected <= {path[0] for path in COMMANDS}
    assert {("data", "fetch"), ("data", "describe"), ("data", "generate")} <= set(COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("data", "describe", "shop.csv"), "shop.csv: line 2, column Price: 'free' is not a number"),
        (("fit", "shop.csv"), "shop.csv: line 2"),
        (("status",), "segue up"),
        (("changes",), "segue up"),
        (("data", "fetch", "--from", "missing.zip"), "missing.zip"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_error_is_one_line_that_says_what_to_do(arguments: Command, hint: str, tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text(
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
        "1,A,Thing,1,2010-01-01 10:00,free,12345,France\n"
    )
    done = segue(*arguments, folder=tmp_path)
    said = " ".join(done.stderr.split())
    assert done.returncode == 1
    assert said.count("error: ") == 1
    assert "Traceback" not in said
    assert hint in said


def test_every_command_has_the_same_option_for_the_state_folder() -> None:
    options = [each for command in COMMANDS.values() for each in command.params if each.name == "state_dir"]
    assert len(options) == 4
    assert {option.envvar for option in options} == {"SEGUE_STATE_DIR"}


@pytest.mark.slow
@pytest.mark.parametrize("url", ["mysql://u:hush@h/d", "postgresql://u:hush@h:port/d", "hush"])
def test_an_invalid_database_url_is_reported_without_the_password(url: str, tmp_path: Path) -> None:
    done = segue("status", folder=tmp_path, SEGUE_DATABASE_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("error: SEGUE_DATABASE_URL: the database URL must be")
    assert done.stderr.count("\n") == 1
    assert "hush" not in done.stderr


@pytest.mark.slow
def test_a_failed_connection_names_the_folder_in_which_no_stack_is_running(tmp_path: Path) -> None:
    done = segue("status", folder=tmp_path, SEGUE_DATABASE_URL="postgresql://segue@127.0.0.1:1/segue")
    assert f"(no stack is running in {tmp_path / '.segue'})" in done.stderr


@pytest.mark.slow
def test_an_invalid_speed_is_refused_with_examples(tmp_path: Path) -> None:
    done = segue("replay", "--speed", "fast", folder=tmp_path)
    assert done.returncode == 2
    assert "1d/s" in done.stderr


@pytest.mark.slow
def test_a_negative_speed_is_not_taken_for_an_option(tmp_path: Path) -> None:
    done = segue("control", "speed", "-1x", folder=tmp_path)
    assert done.returncode == 2
    assert "'-1x' is not a speed" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_port_in_use_is_refused_before_anything_starts(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = segue(command, "--port", str(port), folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"error: port {port} is taken; choose another --port\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_existing_file_is_overwritten_only_with_force(tmp_path: Path) -> None:
    shop = tmp_path / "shop.csv"
    shop.write_text("mine")
    size = ("--customers", "5", "--days", "10")
    refused = segue("data", "generate", "shop.csv", *size, folder=tmp_path)
    assert refused.returncode == 1
    assert "shop.csv exists: choose another name, or use --force" in refused.stderr
    assert shop.read_text() == "mine"
    assert segue("data", "generate", "shop.csv", *size, "--force", folder=tmp_path).returncode == 0
    assert shop.read_text() != "mine"


@pytest.mark.slow
def test_the_command_line_starts_without_importing_slow_libraries() -> None:
    heavy = {"faust", "pandas", "river", "scipy", "sklearn", "httpx", "alembic"}
    program = "import sys, segue.cli.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert heavy & set(done.stdout.split()) == set()


@pytest.mark.slow
def test_a_run_imports_no_other_command() -> None:
    others = {f"segue.cli.{module}" for module in (*PLAIN.values(), *GROUPS.values())} - {"segue.cli.keys_commands"}
    # Every command warns of settings that there are not.
    others -= {"segue.cli.settings_command"}
    program = "import sys; from segue.cli.command_table import only; only('keys'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (others | {"numpy", "aiokafka"}) & set(done.stdout.split()) == set()


def described(command: Any) -> tuple[Any, ...]:
    """What a command explains: its help, its parameters, and the commands below it."""
    below = getattr(command, "commands", {})
    parameters = [(each.name, each.opts) for each in command.params]
    return command.help, parameters, {name: described(each) for name, each in below.items()}


@pytest.mark.parametrize("name", [*PLAIN, *GROUPS])
def test_a_command_is_the_same_alone_and_among_all(name: str) -> None:
    assert described(only(name).commands[name]) == described(command_line().commands[name])


def test_the_table_of_commands_names_all_that_its_modules_have() -> None:
    assert list(command_line().commands) == [*PLAIN, *GROUPS]


@pytest.mark.slow
def test_a_generated_dataset_can_be_described(tmp_path: Path) -> None:
    def processed(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "segue", "data", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    made = processed("generate", "shop.csv", "--customers", "30", "--days", "60")
    assert made.returncode == 0, made.stderr
    described = processed("describe", "shop.csv", "--json")
    assert described.returncode == 0, described.stderr
    assert '"transactions"' in described.stdout
