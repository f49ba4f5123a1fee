"""``segue api``: serve the HTTP API."""

from typing import Annotated

import typer

from runtime import listening, logs
from runtime.settings import Settings
from segue.cli.console import fail, messages
from segue.cli.extras import require

_PORT = 8600


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(api)


def api(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to serve on.")] = _PORT,
    address: Annotated[str, typer.Option(help="Interface to serve on. By default this machine only.")] = "127.0.0.1",
    rate: Annotated[
        float, typer.Option(min=0.1, max=1_000_000, help="Transactions a second that each key may post.")
    ] = 5_000,
    no_keys: Annotated[
        bool,
        typer.Option("--no-keys", help="Let every user of this machine read and write; loopback only."),
    ] = False,
) -> None:
    """Serve the HTTP API: post transactions, and ask for customers, their changes and the segments.

    Requests need a key of `segue keys create`. The API answers a POST when Kafka has the transactions. The page at
    `/schema` documents every request.
    """
    require("litestar")
    problem = listening.problem(address, "without keys, listen on this machine only" if no_keys else None)
    if problem is not None:
        fail(f"--address {address}: {problem}")
    from services.api.server import check_currency, serve

    settings = Settings()
    logs.configure(settings.secrets)
    check_currency(settings)
    messages.print(f"HTTP API: http://{address}:{port} · documentation: /schema · Ctrl-C stops", soft_wrap=True)
    serve(settings, address, port, rate, with_keys=not no_keys)
