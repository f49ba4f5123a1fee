"""``segue audit``: who did what, and who downloaded what."""

from datetime import datetime
from typing import Annotated, Any, Optional

import msgspec
import typer

from data.postgres import audit
from data.postgres.audit import Recorded
from runtime.settings import Settings
from segue.cli.console import messages, output, table
from segue.cli.options import AsJson, Limit, moment
from segue.cli.postgres import connect


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(show)


def show(
    act: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="ACT", help="Only one kind of act, such as `dlq retry`, or a group such as `keys`."),
    ] = None,
    who: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="Only acts of this subject or e-mail address."),
    ] = None,
    since: Annotated[
        Optional[datetime],  # noqa: UP045
        typer.Option(parser=moment, metavar="MOMENT", help="Only acts since this moment of the wall clock (UTC)."),
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show who did what, the newest first: acts of operators, commands that change something, and downloads.

    Every act is recorded in Postgres before it begins, and again when it ends. The outcome `begun` means that nothing
    recorded the end: the process was killed, or the act goes on. No role can change or delete what was recorded; the
    owner of the tables can, and `segue prune` deletes what is older than SEGUE_AUDIT_RETENTION.
    """
    found = audit.acts(connect(Settings()), limit, since, act, who)
    if as_json:
        output.print_json(msgspec.json.encode(found).decode())
    elif found:
        columns = ["at (UTC)", "who", "role", "act", "object", "outcome", "detail"]
        output.print(table("Audit", columns, [_row(each) for each in found], align="left"))
    elif act is None and who is None and since is None:
        messages.print("Nothing has been recorded yet.")
    else:
        messages.print("Nothing recorded fits; `segue audit` shows the newest acts.")


def _row(act: Recorded) -> list[str]:
    detail = " ".join(f"{name}={_short(value)}" for name, value in act.detail.items())
    return [f"{act.at:%Y-%m-%d %H:%M:%S}", act.email or act.subject, act.role, act.act, act.object, act.outcome, detail]


def _short(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
