"""``segue worker``, ``dashboard``, ``migrate`` and ``changes``."""

import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer
from pydantic import SecretStr
from rich.text import Text

from data.postgres import roles
from data.postgres.database import engine, migrate
from runtime import listening
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import fail, messages
from segue.cli.extras import require
from segue.cli.filter_option import parse_filter


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(changes)
    app.command()(worker)
    app.command()(dashboard)
    app.command(name="migrate")(migrate_schema)


def worker() -> None:
    """Run a stream worker, which applies transactions. Start up to one per partition; Ctrl-C stops it cleanly.

    A worker waits for Postgres and Kafka while they can't be reached. Without a model it collects customers, who get
    their first segment from `segue fit`.
    """
    from stream_app.__main__ import main

    main()


def dashboard(
    port: Annotated[Optional[int], typer.Option(min=0, max=65_535, help="Port to serve on.")] = None,  # noqa: UP045
    address: Annotated[str, typer.Option(help="Interface to serve on. By default this machine only.")] = "127.0.0.1",
    operator: options.Operator = False,
    operator_anywhere: options.OperatorAnywhere = False,
) -> None:
    """Serve the dashboard on this machine."""
    require("streamlit")
    problem = listening.problem(address, operator and not operator_anywhere)
    if problem is not None:
        fail(f"--address {address}: {problem}")
    settings = Settings()
    page = Path(__file__).parents[2] / "dashboard" / "app.py"
    os.environ["SEGUE_DASHBOARD_DATABASE_URL"] = settings.dashboard_database
    # Without --operator the page must not know the URL of a user who can write.
    os.environ["SEGUE_DATABASE_URL"] = settings.database if operator else settings.dashboard_database
    os.execv(  # noqa: S606 - Streamlit replaces this process, and so receives its signals
        sys.executable,
        [
            *(sys.executable, "-m", "streamlit", "run", str(page)),
            *("--server.port", str(settings.dashboard_port if port is None else port)),
            *("--server.address", address),
            *("--server.headless", "true"),
            *("--browser.gatherUsageStats", "false"),
            *(("--", *_operator_flags(operator_anywhere)) if operator else ()),
        ],
    )


def _operator_flags(anywhere: bool) -> tuple[str, ...]:
    return (listening.OPERATOR, listening.ANYWHERE) if anywhere else (listening.OPERATOR,)


def migrate_schema() -> None:
    """Create or upgrade the tables in Postgres, and grant each role its rights.

    The roles are `segue_worker`, `segue_dashboard`, `segue_webhooks`, `segue_drift` and `segue_clock`. For each role
    that has a password in the settings, a user is created.
    """
    settings = Settings()
    missing, refused = migrate(settings.database)
    messages.print("The schema is up to date.")
    for role in missing:
        messages.print(f"This user may not create roles: have `CREATE ROLE {role} NOLOGIN` run, then migrate again.")
    for statement in refused:
        messages.print(Text(f"This user may not run `{statement}`: have an administrator run it."), soft_wrap=True)
    passwords: dict[roles.Role, SecretStr | None] = {
        roles.WORKER: settings.worker_password,
        roles.DASHBOARD: settings.dashboard_password,
        roles.WEBHOOKS: settings.webhooks_password,
        roles.DRIFT: settings.drift_password,
        roles.CLOCK: settings.clock_password,
    }
    for role, password in passwords.items():
        if password is not None and role not in missing:
            user = roles.make_login(engine(settings.database), role, password.get_secret_value())
            messages.print(f"The user {user} may log in.")


def changes(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing changes as they arrive.")] = False,
    topic: Annotated[bool, typer.Option("--topic", help="Read the change topic instead of Postgres.")] = False,
    customer: Annotated[Optional[str], typer.Option(help="Print only this customer's changes.")] = None,  # noqa: UP045
    where: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="FILTER", help="Print only matching changes: `to = At Risk and monetary > 1000`."),
    ] = None,
    limit: Annotated[Optional[int], typer.Option(min=1, help="Stop after this many changes.")] = None,  # noqa: UP045
) -> None:
    """Print segment changes as JSON lines (CloudEvents), in order for each partition.

    By default the changes come from Postgres, which has all of them; with `--topic` they come from the change topic, as
    subscribers read it. A FILTER compares customer, sequence, from, to, cause, effective_at, recency_days, frequency,
    monetary, gross, returned, model_version or transaction by =, !=, >, >=, < or <=. Comparisons are combined by and,
    or and brackets.
    """
    from data.contract import tolerant_reader
    from services import change_stream

    settings = Settings()
    chosen = parse_filter(where, "--where", settings)
    lines = change_stream.topic(settings, follow) if topic else change_stream.postgres(settings, follow, customer)
    printed = 0
    for line in lines:
        change = tolerant_reader.change(line)
        if change is None or (topic and customer not in (None, change.customer_id)) or (chosen and not chosen(change)):
            continue
        sys.stdout.write(line.decode() + "\n")
        sys.stdout.flush() if follow else None
        printed += 1
        if printed == limit:
            return
    if not printed:
        messages.print(Text("no such changes yet" if where or customer else "no changes yet", style="dim"))
