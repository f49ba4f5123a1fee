"""``segue status``: the stream's progress, and whether a partition is stuck or failing."""

from dataclasses import asdict
from typing import Any

import msgspec
import typer
from rich.markup import escape
from rich.text import Text

from data.postgres import currency, erasures, log_faults, model_registry, progress, replay_control
from runtime.counts import many
from runtime.postgres_url import shown
from runtime.settings import Settings
from segue.cli import control_commands, faults_commands, options
from segue.cli.console import counted, messages, output, table
from segue.cli.postgres import connect
from services.claimed_partitions import claimed_partitions


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(as_json: options.AsJson = False) -> None:
    """Show the stream's progress: partitions, event time, counts, changes, log faults and the replay.

    The exit code is 1 if a partition is stuck or failing, if Postgres is behind the change topic, if there are
    unresolved log faults, if no broker answers, or if the broker does not have the topic.
    """
    settings = Settings()
    current = _status(settings)
    if as_json:
        output.print_json(msgspec.json.encode(current).decode())
    else:
        _print(current)
    for problem in current["problems"]:
        messages.print(Text.assemble(("problem: ", "bold red"), problem), soft_wrap=True)
    if current["problems"]:
        raise typer.Exit(1)


def _status(settings: Settings) -> dict[str, Any]:
    postgres = connect(settings)
    found = claimed_partitions(postgres, settings.known_brokers, settings.topics.transactions)
    faults = log_faults.faults(postgres)
    totals, replays = progress.totals(postgres), replay_control.replays(postgres)
    problems = [problem for each in found.partitions if (problem := each.problem) is not None]
    if found.broker_answers is False:
        problems.insert(0, f"no broker answers at {settings.bootstrap_servers}: the lag is unknown")
    if found.broker_answers and all(each.lag is None for each in found.partitions):
        problems.insert(
            0,
            f"the broker has no topic {settings.topics.transactions}, or none of its leaders answers: "
            "the lag is unknown",
        )
    if found.partitions and settings.bootstrap_servers is None:
        problems.insert(0, "the lag is unknown: set SEGUE_BOOTSTRAP_SERVERS")
    champion, collecting = model_registry.champion_version(postgres), progress.collecting(postgres)
    if champion is not None and collecting:
        which = ", ".join(map(str, collecting))
        problems.append(
            f"partition {which} began without a model and waits for one from the log: "
            "run `segue models activate champion`"
        )
    if faults:
        problems.append(f"the log has had {many(len(faults), 'fault')}: see `segue faults list`")
    return {
        "partitions": [
            {
                "partition": each.partition,
                "offset": each.next_offset,
                "event_time": each.watermark,
                "transactions": each.transactions,
                "changes": each.changes,
                "to_publish": each.to_publish,
                "owner": each.owner,
                "lag": each.lag,
                "commit_age_seconds": round(each.commit_age, 3),
                "failures_in_a_row": each.failures,
                "failure": each.failure,
                "failing_since": each.failing_since,
                "stuck": each.stuck,
                "failing": each.failing,
                "changes_ahead": each.changes_ahead,
                "risk_changes": each.risk_changes,
                "risk_to_publish": each.risk_to_publish,
                "risk_changes_ahead": each.risk_changes_ahead,
            }
            for each in found.partitions
        ],
        "problems": problems,
        "brokers": settings.bootstrap_servers,
        "database": shown(settings.database),
        "currency": currency.stored_money(postgres, settings.money).currency,
        "workers": sorted({each.owner for each in found.partitions}),
        "model": champion,
        "transactions": totals.transactions,
        "duplicates": totals.duplicates,
        "late": totals.late,
        "revisions": totals.revisions,
        "dead_letters": totals.dead_letters,
        "customers": totals.customers,
        "forgotten": asdict(erasures.totals(postgres)),
        "changes": totals.changes,
        "risk_changes": progress.stored_risk_changes(postgres),
        "log_faults": [
            faults_commands.as_values(fault) | {"description": log_faults.describe(fault)} for fault in faults
        ],
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
    health = [
        [
            str(row["partition"]),
            "unknown" if row["lag"] is None else f"{row['lag']:,}",
            f"{row['commit_age_seconds']:,.0f} s ago",
            f"{row['failures_in_a_row']:,}",
            row["owner"],
        ]
        for row in current["partitions"]
    ]
    output.print(table("Partitions", ["partition", "lag", "last commit", "failures in a row", "worker"], health))
    output.print(f"brokers: {current['brokers'] or 'not set'}", markup=False)
    output.print(f"database: {current['database']}", markup=False)
    output.print(f"currency: {current['currency']}", markup=False)
    output.print(f"workers: {', '.join(current['workers']) or 'none has claimed a partition yet'}", markup=False)
    none = "none yet: run `segue fit DATASET`, or `segue fit --from-stream` when there are enough customers"
    output.print(f"model: {current['model'] or none}", soft_wrap=True, markup=False)
    output.print(
        f"transactions: {current['transactions']:,} "
        f"({many(current['duplicates'], 'duplicate')}, {current['late']:,} late, "
        f"{many(current['dead_letters'], 'dead letter')})"
    )
    if current["revisions"]:
        output.print(
            f"edited orders: {many(current['revisions'], 'revision has', 'revisions have')} replaced a transaction"
        )
    output.print(f"customers in a segment: {current['customers']:,}")
    if (forgotten := current["forgotten"])["customers"]:
        risk = f", {many(forgotten['risk_changes'], 'risk change')}" if forgotten["risk_changes"] else ""
        output.print(
            f"forgotten customers: {forgotten['customers']:,} (deleted with them: "
            f"{many(forgotten['transactions'], 'transaction')}, {many(forgotten['changes'], 'change')}{risk}; "
            f"{many(forgotten['dropped'], 'later record')} dropped)",
            soft_wrap=True,
        )
    # The table counts every change that there ever was; forgetting and pruning delete some.
    output.print(f"changes: {sum(current['changes'].values()):,} stored ({counted(current['changes'])})")
    if any(row["risk_changes"] for row in current["partitions"]):
        unpublished = sum(row["risk_to_publish"] for row in current["partitions"])
        output.print(f"risk changes: {current['risk_changes']:,} stored ({unpublished:,} to publish)")
    for fault in current["log_faults"]:
        output.print(
            f"[bold red]log fault {fault['id']}[/], partition {fault['partition']}: {escape(fault['description'])}"
        )
    if current["log_faults"]:
        output.print("see docs/reliability.md, then `segue faults resolve --all`")
    output.print(f"replay: {current['replay'] or 'none yet'}", soft_wrap=True, markup=False)
