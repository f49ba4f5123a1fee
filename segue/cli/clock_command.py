"""``segue clock``: tick from the wall clock."""

from datetime import timedelta
from typing import Annotated

import typer

from data.postgres.database import engine
from runtime import logs
from runtime.settings import Settings
from segue.cli import options
from segue.cli.stopping import stop_by_signal

_LONGEST = timedelta(days=31)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(clock)


def _duration(text: str | timedelta) -> timedelta:
    parsed = options.duration(text)
    if parsed > _LONGEST:
        raise typer.BadParameter("31 days at most")
    return parsed


def _interval(text: str | timedelta) -> timedelta:
    parsed = _duration(text)
    if parsed < timedelta(seconds=1):
        raise typer.BadParameter("a second at least")
    return parsed


def clock(
    grace: Annotated[
        timedelta,
        typer.Option(parser=_duration, metavar="DURATION", help="How far ticks are behind the wall clock."),
    ] = timedelta(minutes=5),
    every: Annotated[
        timedelta,
        typer.Option(parser=_interval, metavar="DURATION", help="Longest time between two ticks."),
    ] = timedelta(minutes=1),
) -> None:
    """Let time pass in a live stream: send ticks from the wall clock, so that customers decay without an order.

    A tick says that every order up to its moment has been sent, so it is `--grace` behind the wall clock: an order that
    arrives later than that is late. The clock ticks when a customer's segment is due to change, and otherwise once in
    `--every`. Several clocks may run: one of them ticks, and the others wait to take over. Do not replay old data into
    a stream whose clock runs.
    """
    from runtime.health import WebServer
    from services.clock.log import open_log
    from services.clock.schedule import TickSchedule
    from services.clock.service import ClockService

    settings = Settings()
    logs.configure(settings.secrets)
    service = ClockService(engine(settings.database), lambda: open_log(settings), TickSchedule(grace, every))

    stop_by_signal(service.stop)
    if settings.web_port:
        WebServer(service.health).start(settings.web_host, settings.web_port)
    service.run()
