"""``segue status``: the stream's progress."""

from typing import Any

import msgspec
import typer

from data.postgres import model_registry, progress, replay_control
from data.postgres.database import engine
from runtime.postgres_url import shown
from runtime.settings import Settings
from segue.cli import control_commands, options
from segue.cli.console import counted, fail, output, table
from segue.local.running_stack import not_running_reason, stack_settings


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(as_json: options.AsJson = False) -> None:
    """Show the stream's progress: partitions, event time, counts, changes and the replay."""
    settings = Settings()
    _refuse_dead_stack(settings)
    current = _status(settings)
    if as_json:
        output.print_json(msgspec.json.encode(current).decode())
    else:
        _print(current)


def _refuse_dead_stack(settings: Settings) -> None:
    """Report a stack that was killed: its Postgres may still be running, and would look like a live stack."""
    if stack_settings(settings.state_dir).get("database_url") == settings.database:
        reason = not_running_reason(settings.state_dir)
        if reason is not None:
            fail(f"{reason}: start it again with `segue up`")


def _status(settings: Settings) -> dict[str, Any]:
    postgres = engine(settings.database)
    rows, totals, replays = progress.partitions(postgres), progress.totals(postgres), replay_control.replays(postgres)
    return {
        "partitions": [
            {
                "partition": row.partition,
                "offset": row.next_offset,
                "event_time": row.event_time,
                "transactions": row.transactions,
                "changes": row.change_position,
                "to_publish": row.change_position - row.published_position,
            }
            for row in rows
        ],
        "brokers": settings.bootstrap_servers,
        "database": shown(settings.database),
        "workers": sorted({row.owner for row in rows}),
        "model": model_registry.champion_version(postgres),
        "transactions": totals.transactions,
        "duplicates": totals.duplicates,
        "late": totals.late,
        "dead_letters": totals.dead_letters,
        "customers": totals.customers,
        "changes": totals.changes,
        "replay": control_commands.state(replays[0]) if replays else None,
    }


def _print(current: dict[str, Any]) -> None:
    rows = [
        [
            str(row["partition"]),
            f"{row['offset']:,}",
            "—" if row["event_time"] is None else f"{row['event_time']:%Y-%m-%d %H:%M}",
            *(f"{row[name]:,}" for name in ("transactions", "changes", "to_publish")),
        ]
        for row in current["partitions"]
    ]
    columns = ["partition", "offset", "event time", "transactions", "changes", "to publish"]
    output.print(table("Progress", columns, rows))
    output.print(f"brokers: {current['brokers']}", markup=False)
    output.print(f"database: {current['database']}", markup=False)
    output.print(f"workers: {', '.join(current['workers']) or 'none has claimed a partition yet'}", markup=False)
    output.print(f"model: {current['model'] or 'none yet: run `segue fit DATASET`'}", markup=False)
    output.print(
        f"transactions: {current['transactions']:,} "
        f"({current['duplicates']:,} duplicates, {current['late']:,} late, {current['dead_letters']:,} dead letters)"
    )
    output.print(f"customers in a segment: {current['customers']:,}")
    output.print(f"changes: {sum(current['changes'].values()):,} ({counted(current['changes'])})")
    output.print(f"replay: {current['replay'] or 'none yet'}", soft_wrap=True, markup=False)
