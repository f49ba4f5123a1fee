"""``segue faults``: list and resolve faults of the log."""

from typing import Annotated, Any, Optional

import msgspec
import typer
from sqlalchemy import Row

from data.postgres import log_faults
from runtime.settings import Settings
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, output, table
from segue.cli.options import LARGEST_ID, AsJson
from segue.cli.postgres import connect

app = typer.Typer(
    no_args_is_help=True,
    help="List and resolve log faults: the log lost records, was created again, or deleted records before they were "
    "read.",
)


@app.command("list")
def list_them(
    resolved: Annotated[bool, typer.Option("--resolved", help="Also show resolved log faults.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the log faults that are not resolved, the newest first."""
    found = log_faults.faults(connect(Settings()), resolved)
    if as_json:
        output.print_json(msgspec.json.encode([as_values(fault) for fault in found]).decode())
    elif found:
        rows = [
            [
                str(fault.id),
                str(fault.partition),
                fault.kind,
                log_faults.describe(fault),
                f"{fault.noticed_at:%Y-%m-%d %H:%M:%S}",
                "no" if fault.resolved_at is None else f"{fault.resolved_at:%Y-%m-%d %H:%M:%S}",
            ]
            for fault in found
        ]
        columns = ["id", "partition", "kind", "what happened", "noticed at", "resolved"]
        output.print(table("Log faults", columns, rows))
    else:
        messages.print("There are no log faults." if resolved else "There are no unresolved log faults.")


@app.command("resolve")
def resolve_them(
    which: Annotated[
        Optional[list[int]],  # noqa: UP045
        typer.Argument(metavar="[ID]...", min=1, max=LARGEST_ID, help="The ids, as `segue faults list` shows them."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All log faults.")] = False,
) -> None:
    """Mark log faults as resolved, so that `segue status` no longer reports them. It changes nothing else.

    Send what the log has lost again first: docs/reliability.md says how.
    """
    if bool(which) == everything:
        fail("say which: ids from `segue faults list`, or --all")
    postgres = connect(Settings())
    with recorded(postgres, "faults resolve", "all" if everything else " ".join(map(str, which or []))) as found:
        found["resolved"] = count = log_faults.resolve(postgres, which or None)
    messages.print(f"{count:,} resolved")


def as_values(fault: Row[Any]) -> dict[str, Any]:
    """Return a fault as JSON values."""
    return dict(fault._asdict())
