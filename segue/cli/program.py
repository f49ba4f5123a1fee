"""A run of ``segue``: one command, and errors as one line."""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.errors import InsufficientPrivilege
from pydantic import ValidationError
from rich.text import Text
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError

from data.kafka.log import UnreachableError
from runtime.environment import DEBUG
from runtime.errors import Hint, SegueError, first_line
from runtime.running_stack import not_running_reason
from runtime.settings import Settings, bad_setting
from segue.cli.command_table import COMMANDS, GROUPS, only
from segue.cli.console import messages
from segue.cli.errors import one_line, with_hint
from segue.cli.extras import missing_extra

UNEXPECTED = "this should not happen"
"""How the message of an error begins that no part of Segue has foreseen."""
_EXPECTED = (SegueError, LookupError, FileNotFoundError)


def _expected() -> tuple[type[Exception], ...]:
    """Return the errors that are reported as one line."""
    # Importing the module is slow, and its error can only come from it if it has been imported.
    segment_model = sys.modules.get("models.segment_model")
    return _EXPECTED if segment_model is None else (*_EXPECTED, segment_model.ModelError)


def main() -> None:
    """Run the command line; expected errors become one line and exit code 1."""
    # SIGTERM, as service managers send it, means the same as Ctrl-C: stop every child process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _command(sys.argv[1:])()
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


def _command(words: Sequence[str]) -> Any:
    """The command line, only with the command that the words begin with if they begin with one."""
    first = words[0] if words else ""
    if first in COMMANDS or first in GROUPS:
        return only(first)
    from segue.cli.app import command_line

    return command_line()


def _complain(reason: str) -> None:
    messages.print(Text.assemble(("error: ", "bold red"), reason), soft_wrap=True)
    sys.exit(1)


def _no_stack() -> str:
    """Return a note that no stack is running in the state folder: the current folder may be the wrong one."""
    reason = not_running_reason(Settings().state_dir)
    return "" if reason is None else f" ({reason})"
