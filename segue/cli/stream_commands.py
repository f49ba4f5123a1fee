"""``segue worker``, ``dashboard`` and ``migrate``."""

import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer
from pydantic import SecretStr
from rich.text import Text

from data.postgres import roles
from data.postgres.database import engine, migrate, newest_revision, revision
from runtime import listening
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import fail, messages
from segue.cli.extras import require
from segue.cli.ports import fixed_port


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
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
    port: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=0, max=65_535, help="Port to serve on; 0 for any free one."),
    ] = None,
    address: Annotated[str, typer.Option(help="Interface to serve on. By default this machine only.")] = "127.0.0.1",
    operator: options.Operator = False,
    allow_anonymous: options.AllowAnonymous = False,
) -> None:
    """Serve the dashboard on this machine. With SEGUE_OIDC_ISSUER it asks for a login: see docs/security.md.

    Without a login, everyone who can connect sees every customer. So it then serves other machines only with
    --allow-anonymous, and never with --operator.
    """
    require("streamlit")
    settings = Settings()
    login = settings.login
    why = listening.why_only_here(login is not None, operator, allow_anonymous)
    problem = listening.problem(address, why)
    if problem is not None:
        fail(f"--address {address}: {problem}")
    served = fixed_port(settings.dashboard_port if port is None else port, address)
    if login is not None:
        # It imports an HTTP client, and other commands start quickly without one.
        from segue.cli.provider import check_provider

        require("authlib")
        check_provider(login)
    os.environ["SEGUE_DASHBOARD_DATABASE_URL"] = settings.dashboard_database
    # Without --operator the page must not know the URL of a user who can write.
    os.environ["SEGUE_DATABASE_URL"] = settings.database if operator else settings.dashboard_database
    if login is not None and settings.masked_database is not None:
        os.environ["SEGUE_MASKED_DATABASE_URL"] = settings.masked_database
    page = Path(__file__).parents[2] / "dashboard" / ("app.py" if login is None else "served.py")
    flags = [
        *([listening.OPERATOR] if operator else []),
        *([listening.ANONYMOUS] if allow_anonymous and login is None else []),
    ]
    os.execv(  # noqa: S606 - Streamlit replaces this process, and so receives its signals
        sys.executable,
        [
            *(sys.executable, "-m", "streamlit", "run", str(page)),
            *("--server.port", str(served)),
            *("--server.address", address),
            *("--server.headless", "true"),
            *("--browser.gatherUsageStats", "false"),
            *(["--", *flags] if flags else []),
        ],
    )


def migrate_schema() -> None:
    """Create or upgrade the tables and views in Postgres, and grant each role its rights.

    The roles are `segue_worker`, `segue_dashboard`, `segue_webhooks`, `segue_drift`, `segue_clock`, `segue_api`,
    `segue_reader`, `segue_operator` and `segue_masked`. For each role that has a password in the settings, a user is
    created.
    """
    settings = Settings()
    before = revision(settings.database)
    missing, refused = migrate(settings.database)
    newest = newest_revision()
    if before is None:
        messages.print(f"The database was empty: all tables were created, revision {newest}.")
    elif before == newest:
        messages.print(f"The schema was up to date: revision {newest}.")
    else:
        messages.print(f"The schema was upgraded from revision {before} to {newest}.")
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
        roles.API: settings.api_password,
        roles.READER: settings.reader_password,
        roles.OPERATOR: settings.operator_password,
        roles.MASKED: settings.masked_password,
    }
    for role, password in passwords.items():
        if password is not None and role not in missing:
            user = roles.make_login(engine(settings.database), role, password.get_secret_value())
            messages.print(f"The user {user} may log in.")
