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
from runtime.settings import Settings
from segue.cli import options
from segue.cli.choosing import wanted
from segue.cli.console import words
from segue.cli.extras import require


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(changes)
    app.command()(worker)
    app.command()(dashboard)
    app.command(name="migrate")(migrate_schema)


def worker() -> None:
    """Process transactions: the stream worker. Start as many as there are partitions; Ctrl-C stops one cleanly.

    It waits for a model where there is none yet, and for Postgres and Kafka where they are away.
    """
    from stream_app.__main__ import main

    main()


def dashboard(
    port: Annotated[Optional[int], typer.Option(min=0, max=65_535, help="Port to serve on.")] = None,  # noqa: UP045
    address: Annotated[str, typer.Option(help="Interface to serve on; only this machine by default.")] = "127.0.0.1",
    operator: options.Operator = False,
) -> None:
    """Serve the dashboard."""
    require("streamlit")
    settings = Settings()
    page = Path(__file__).parents[2] / "dashboard" / "app.py"
    os.environ["SEGUE_DASHBOARD_DATABASE_URL"] = settings.dashboard_database
    # The page gets what it may use, and nothing else.
    os.environ["SEGUE_DATABASE_URL"] = settings.database if operator else settings.dashboard_database
    os.execv(  # noqa: S606 - Streamlit takes over this process, and its signals
        sys.executable,
        [
            *(sys.executable, "-m", "streamlit", "run", str(page)),
            *("--server.port", str(settings.dashboard_port if port is None else port)),
            *("--server.address", address),
            *("--server.headless", "true"),
            *("--browser.gatherUsageStats", "false"),
            *(("--", "--operator") if operator else ()),
        ],
    )


def migrate_schema() -> None:
    """Create the tables in Postgres, or bring them up to date, and give each of our users their rights.

    Makes the roles `segue_worker`, `segue_dashboard`, `segue_webhooks` and `segue_drift`, and users with passwords
    where the settings have some.
    """
    settings = Settings()
    missing = migrate(settings.database)
    words.print("The schema is up to date.")
    for role in missing:
        words.print(f"This user may not make roles: have `CREATE ROLE {role} NOLOGIN` run, and migrate again.")
    passwords: dict[roles.Role, SecretStr | None] = {
        roles.WORKER: settings.worker_password,
        roles.DASHBOARD: settings.dashboard_password,
        roles.WEBHOOKS: settings.webhooks_password,
        roles.DRIFT: settings.drift_password,
    }
    for role, password in passwords.items():
        if password is not None and role not in missing:
            user = roles.make_login(engine(settings.database), role, password.get_secret_value())
            words.print(f"The user {user} may log in.")


def changes(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with changes as they come.")] = False,
    topic: Annotated[bool, typer.Option("--topic", help="Read the change topic instead of Postgres.")] = False,
    customer: Annotated[Optional[str], typer.Option(help="Only this customer.")] = None,  # noqa: UP045
    where: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="FILTER", help="Only changes like this: `to = At Risk and monetary > 1000`."),
    ] = None,
    limit: Annotated[Optional[int], typer.Option(min=1, help="End after this many.")] = None,  # noqa: UP045
) -> None:
    """Print segment changes as JSON lines (CloudEvents), a partition's changes in order.

    From Postgres they are complete; with --topic they are what subscribers read. A FILTER compares customer, sequence,
    from, to, cause, effective_at, recency_days, frequency, monetary, model_version or transaction by =, !=, >, >=, < or
    <=, joined by and, or and brackets.
    """
    from data.contract import tolerant_reader
    from services import change_stream

    settings = Settings()
    chosen = wanted(where, "--where", settings)
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
        words.print(Text("no such changes yet" if where or customer else "no changes yet", style="dim"))
