"""Which module has which command of ``segue``.

Importing all commands takes a third longer than importing one, so a run imports only the one that it is for.
"""

import sys
from collections.abc import Collection
from functools import cache
from importlib import import_module
from typing import Any

import typer

from segue import __version__
from segue.cli.settings_command import warn_of_unknown

COMMANDS = {
    "demo": "stack_commands",
    "up": "stack_commands",
    "down": "down_command",
    "replay": "replay_command",
    "status": "status_command",
    "doctor": "doctor_command",
    "clock": "clock_command",
    "api": "api_command",
    "ingest": "ingest_command",
    "settings": "settings_command",
    "changes": "changes_command",
    "customer": "customer_command",
    "as-of": "as_of_command",
    "backfill": "backfill_command",
    "schema": "schema_command",
    "worker": "stream_commands",
    "dashboard": "stream_commands",
    "migrate": "stream_commands",
    "topics": "topics_command",
    "prune": "prune_command",
    "audit": "audit_command",
    "skip": "skip_command",
    "forget": "forget_command",
    "publish-snapshot": "snapshot_command",
    "fit": "fit_command",
    "score": "score_command",
    "reconcile": "batch_commands",
    "explore": "explore_command",
    "soak": "soak_command",
    "sim": "sim_command",
}
"""The module of each command, in the order in which the help lists them."""
GROUPS = {
    "audience": "audience_commands",
    "alerts": "alerts_commands",
    "control": "control_commands",
    "data": "data_commands",
    "campaign": "campaign_commands",
    "models": "model_commands",
    "dlq": "dlq_commands",
    "faults": "faults_commands",
    "keys": "keys_commands",
    "drift": "drift_commands",
    "webhooks": "webhook_commands",
}
"""The module of each group of commands."""


def with_commands(names: Collection[str]) -> typer.Typer:
    """The command line with some of its commands and groups, whose modules are imported."""
    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="""Watch customers move between segments.

    Transactions stream through Kafka. Each customer's recency, frequency and monetary value decide the segment; the
    passing of time alone can change it, too. Start with `segue demo`.""",
    )
    app.callback()(_options)
    # One module may have several commands.
    for module in dict.fromkeys(module for name, module in COMMANDS.items() if name in names):
        _imported(module).add_to(app)
    for name, module in GROUPS.items():
        if name in names:
            app.add_typer(_imported(module).app, name=name)
    return app


@cache
def only(name: str) -> Any:
    """The command line with one command or group, and those of the same module."""
    return typer.main.get_command(with_commands([name]))


def _imported(module: str) -> Any:
    return import_module(f"segue.cli.{module}")


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"segue {__version__}\n")
        raise typer.Exit


def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    warn_of_unknown()
