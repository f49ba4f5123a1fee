"""``segue status``: how far the stream has come."""

from typing import Any

import msgspec
import typer

from data.postgres import model_registry, progress, replay_control
from data.postgres.database import engine
from runtime.postgres_url import shown
from runtime.settings import Settings
from segue.cli import control_commands, options
from segue.cli.console import counted, fail, output, table
from segue.local.found import left_by, missing


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(as_json: options.AsJson = False) -> None:
    """Show how far the stream has come: partitions, event time, counts, changes, the replay."""
    settings = Settings()
    _refuse_ghost(settings)
    found = _found(settings)
    if as_json:
        output.print_json(msgspec.json.encode(found).decode())
    else:
        _print(found)


def _refuse_ghost(settings: Settings) -> None:
    """What a killed stack has left looks as if it were running: even its Postgres may be."""
    if left_by(settings.state_dir).get("database_url") == settings.database:
        reason = missing(settings.state_dir)
        if reason is not None:
            fail(f"{reason}: start it again with `segue up`")


def _found(settings: Settings) -> dict[str, Any]:
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


def _print(found: dict[str, Any]) -> None:
    rows = [
        [
            str(row["partition"]),
            f"{row['offset']:,}",
            "—" if row["event_time"] is None else f"{row['event_time']:%Y-%m-%d %H:%M}",
            *(f"{row[name]:,}" for name in ("transactions", "changes", "to_publish")),
        ]
        for row in found["partitions"]
    ]
    columns = ["partition", "offset", "event time", "transactions", "changes", "to publish"]
    output.print(table("Progress", columns, rows))
    output.print(f"brokers: {found['brokers']}")
    output.print(f"database: {found['database']}")
    output.print(f"workers: {', '.join(found['workers']) or 'none has claimed a partition yet'}")
    output.print(f"model: {found['model'] or 'none yet: run `segue fit DATASET`'}")
    output.print(
        f"transactions: {found['transactions']:,} "
        f"({found['duplicates']:,} duplicates, {found['late']:,} late, {found['dead_letters']:,} dead letters)"
    )
    output.print(f"customers in a segment: {found['customers']:,}")
    output.print(f"changes: {sum(found['changes'].values()):,} ({counted(found['changes'])})")
    output.print(f"replay: {found['replay'] or 'none yet'}", soft_wrap=True)
