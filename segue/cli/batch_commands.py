"""``segue reconcile``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from data.postgres import log_faults
from runtime.counts import many
from runtime.settings import Settings
from segue.cli import options, reading_options
from segue.cli.console import fail, messages, output, spinner, table
from segue.cli.postgres import connect

if TYPE_CHECKING:
    from batch.reconcile_stream import Reconciliation

_SHOWN = 20


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(
    files: reading_options.Files = None,
    history: Annotated[
        bool, typer.Option("--history", help="Also recompute every segment change of every customer, day by day.")
    ] = False,
    as_json: options.AsJson = False,
    mapping: reading_options.MappingFile = None,
    set_: reading_options.Settings = None,
    on_error: reading_options.OnError = "stop",
    rejects: reading_options.Rejects = None,
) -> None:
    """Check the stream: recompute every customer from the raw dataset with pandas and scikit-learn, and compare.

    The exit code is 0 only if something was compared and there is no difference.
    """
    from batch.reconcile_stream import check
    from data.datasets.selection import choose

    settings = Settings()
    how = reading_options.reading(files, mapping, set_, on_error, rejects, settings.currency)
    for fault in log_faults.faults(connect(settings), resolved=True):
        messages.print(f"[bold]Log fault {fault.id}[/], partition {fault.partition}: {log_faults.describe(fault)}.")
    with spinner("Recomputing"):
        chosen = choose(files, settings.datasets_dir, how)
        options.check_currency(chosen.dataset, settings.currency)
        found = check(settings.database, chosen.dataset, history=history)
    if files:
        reading_options.mention(chosen.dataset)
    if as_json:
        output.print_json(data=_as_json(found), default=str)
    elif len(found.differences):
        rows = [[str(value) for value in row] for row in found.differences.head(_SHOWN).itertuples(index=False)]
        output.print(table(many(len(found.differences), "difference"), list(found.differences.columns), rows))
    if not as_json:
        messages.print(_compared(found), soft_wrap=True)
    if found.is_empty:
        fail(f"nothing was compared: the stream holds no transaction of {chosen.dataset.name} that can be checked")
    if not as_json and not len(found.differences):
        messages.print("[bold green]No difference[/]: the stream agrees with the raw data.")
    raise typer.Exit(1 if len(found.differences) else 0)


def _compared(found: "Reconciliation") -> str:
    """Say what was compared, and what was not."""
    until = "before the first tick" if found.until is None else f"until {found.until:%Y-%m-%d %H:%M:%S} of event time"
    recomputed = "" if found.history is None else ", each recomputed"
    lines = [
        f"Compared {many(found.customers, 'customer')}, {many(found.changes, 'change')}{recomputed}, "
        f"and {many(found.applied, 'transaction')} {until}.",
        f"Of the file's other transactions, {many(found.not_due, 'is', 'are')} not yet due, "
        f"{many(found.missing, 'is', 'are')} missing and "
        f"{many(found.dead_letters, 'is a dead letter', 'are dead letters')}.",
    ]
    if found.risk_states:
        lines.insert(1, f"Compared the risk states of {many(found.risk_states, 'customer')}.")
    if found.revised:
        edited = many(found.revised, "transaction of the file was", "transactions of the file were")
        lines.append(f"{edited} edited since; the last revision counts.")
    if found.forgotten:
        those = "transaction of the file is that", "transactions of the file are those"
        lines.append(f"{many(found.forgotten, *those)} of forgotten customers.")
    if found.pruned_before is not None:
        lines.append(f"The history before {found.pruned_before:%Y-%m-%d %H:%M} UTC was pruned and is not compared.")
    if found.history is not None and (number := len(found.history.not_comparable)):
        lines.append(
            f"The changes of {many(number, 'customer')} could not be compared: they depend on when late transactions "
            "or revisions arrived."
        )
    for partition, first, end, reason in found.lost.itertuples(index=False):
        how = "an operator had skipped" if reason == "skipped" else "the log deleted before they were read"
        lines.append(
            f"Never applied: {many(end - first, 'record')} of partition {partition} from offset {first:,} on, "
            f"which {how}."
        )
    return "\n".join(lines)


def _as_json(found: "Reconciliation") -> dict[str, Any]:
    """Return everything as JSON values; the differences as one object each."""
    arrivals = ("applied", "not_due", "missing", "dead_letters", "forgotten", "revised")
    counts = ("customers", "changes", "risk_states", *arrivals)
    return {
        "until": None if found.until is None else found.until.isoformat(),
        **{name: getattr(found, name) for name in counts},
        "history": found.history is not None,
        "pruned_before": None if found.pruned_before is None else found.pruned_before.isoformat(),
        "lost": found.lost.to_dict("records"),
        "not_comparable": [] if found.history is None else list(found.history.not_comparable),
        "differences": found.differences.to_dict("records"),
    }
