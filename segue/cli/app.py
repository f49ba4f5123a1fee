"""The ``segue`` command: its subcommands, and errors as one line."""

import os
import signal
import sys
from functools import cache
from typing import Any

import msgspec
import typer
from psycopg.errors import InsufficientPrivilege
from pydantic import ValidationError
from rich.text import Text
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError

from data.kafka.log import UnreachableError
from models.segment_model import ModelError
from runtime.environment import DEBUG
from runtime.errors import Hint, SegueError, first_line
from runtime.running_stack import not_running_reason
from runtime.settings import Settings, bad_setting
from segue import __version__
from segue.cli import (
    alerts_commands,
    api_command,
    as_of_command,
    audience_commands,
    audit_command,
    backfill_command,
    batch_commands,
    campaign_commands,
    changes_command,
    clock_command,
    control_commands,
    customer_command,
    data_commands,
    dlq_commands,
    doctor_command,
    down_command,
    drift_commands,
    explore_command,
    faults_commands,
    fit_command,
    forget_command,
    ingest_command,
    keys_commands,
    model_commands,
    prune_command,
    replay_command,
    schema_command,
    score_command,
    settings_command,
    sim_command,
    skip_command,
    snapshot_command,
    soak_command,
    stack_commands,
    status_command,
    stream_commands,
    topics_command,
    webhook_commands,
)
from segue.cli.console import messages
from segue.cli.errors import one_line, with_hint
from segue.cli.extras import missing_extra
from segue.local.stack import StackError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Watch customers move between segments.

    Transactions stream through Kafka. Each customer's recency, frequency and monetary value decide the segment; the
    passing of time alone can change it, too. Start with `segue demo`.""",
)
stack_commands.add_to(app)
down_command.add_to(app)
replay_command.add_to(app)
status_command.add_to(app)
doctor_command.add_to(app)
clock_command.add_to(app)
api_command.add_to(app)
ingest_command.add_to(app)
settings_command.add_to(app)
changes_command.add_to(app)
customer_command.add_to(app)
as_of_command.add_to(app)
backfill_command.add_to(app)
schema_command.add_to(app)
stream_commands.add_to(app)
topics_command.add_to(app)
prune_command.add_to(app)
audit_command.add_to(app)
skip_command.add_to(app)
forget_command.add_to(app)
snapshot_command.add_to(app)
fit_command.add_to(app)
score_command.add_to(app)
batch_commands.add_to(app)
explore_command.add_to(app)
soak_command.add_to(app)
sim_command.add_to(app)
app.add_typer(audience_commands.app, name="audience")
app.add_typer(alerts_commands.app, name="alerts")
app.add_typer(control_commands.app, name="control")
app.add_typer(data_commands.app, name="data")
app.add_typer(campaign_commands.app, name="campaign")
app.add_typer(model_commands.app, name="models")
app.add_typer(dlq_commands.app, name="dlq")
app.add_typer(faults_commands.app, name="faults")
app.add_typer(keys_commands.app, name="keys")
app.add_typer(drift_commands.app, name="drift")
app.add_typer(webhook_commands.app, name="webhooks")

UNEXPECTED = "this should not happen"
"""How the message of an error begins that no part of Segue has foreseen."""
_EXPECTED = (
    SegueError,
    ModelError,
    StackError,
    LookupError,
    FileNotFoundError,
)
# Importing these modules is slow. An error can only come from a module that has been imported.
_EXPECTED_OF = {
    "segue.local.soak.run": "SoakError",
    "services.webhooks.endpoint": "WebhookError",
}


def _expected() -> tuple[type[Exception], ...]:
    """Return the errors that are reported as one line."""
    raised = [getattr(sys.modules[module], name) for module, name in _EXPECTED_OF.items() if module in sys.modules]
    return (*_EXPECTED, *raised)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"segue {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    settings_command.warn_of_unknown()


@cache
def command_line() -> Any:
    """The command with all its subcommands. Building it takes longer than most commands take to refuse a bad value."""
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line; expected errors become one line and exit code 1."""
    # SIGTERM, as service managers send it, means the same as Ctrl-C: stop every child process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command_line()()
    except ModuleNotFoundError as error:
        _complain(missing_extra(error))
    except UnreachableError as error:
        _complain(f"{one_line(error)}{_no_stack()}")
    except _expected() as error:
        _complain(one_line(error))
    except OperationalError as error:
        reason = f"can't reach Postgres ({first_line(error.orig)})"
        _complain(f"{with_hint(reason, Hint.START_POSTGRES)}{_no_stack()}")
    except ProgrammingError as error:
        hint = Hint.BE_AN_OPERATOR if isinstance(error.orig, InsufficientPrivilege) else Hint.MIGRATE
        _complain(with_hint(f"Postgres refuses ({first_line(error.orig)})", hint))
    except ValidationError as error:
        _complain(bad_setting(error))
    except msgspec.ValidationError as error:
        _complain(f"unreadable message: {error}")
    except DataError as error:
        _complain(f"Postgres refuses a value ({first_line(error.orig)})")
    except UnicodeEncodeError as error:
        _complain(f"a text is not valid UTF-8: {error.object[:40]!r}")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _complain(f"{place}{error.strerror or error}")
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        _complain(f"{UNEXPECTED} ({type(error).__name__}: {first_line(error)}); see more with {DEBUG}=1")


def _complain(reason: str) -> None:
    messages.print(Text.assemble(("error: ", "bold red"), reason), soft_wrap=True)
    sys.exit(1)


def _no_stack() -> str:
    """Return a note that no stack is running in the state folder: the current folder may be the wrong one."""
    reason = not_running_reason(Settings().state_dir)
    return "" if reason is None else f" ({reason})"
