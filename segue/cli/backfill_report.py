"""What ``segue backfill`` has found: as tables and notes, and as JSON values."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from batch.past_table import segment_names
from models.calendar import Grain
from models.personas import RANK
from models.segment_model import SegmentModel
from runtime.counts import many
from segue.cli import backfill_periods, backfill_risk_report
from segue.cli.backfill_periods import CHANGES, CountColumns
from segue.cli.console import messages, output, table
from services.backfill.comparison import MoveCounts, PeriodComparison
from services.backfill.run import Backfill

Models = Mapping[str, SegmentModel]
_TO_AND_FRO = CountColumns("to & fro", lambda side: side.to_and_fro)


def show(found: Backfill, models: Models, by: Grain) -> None:
    """Print every period, the segments at the end, all moves, and what to know about them."""
    if found.periods:
        title = f"Model {found.model.version} beside the published history, at the end of each {by}"
        backfill_periods.show(title, "segment", found.periods, by, CHANGES, _TO_AND_FRO)
        _show_segments(found, _names(found, models))
        _show_moves(found)
    for line in notes(found, by):
        messages.print(line, markup=False)
    if found.risk is not None:
        backfill_risk_report.show(found.risk, by)


def _show_segments(found: Backfill, names: Mapping[str, str]) -> None:
    ranked = _ranked(found.periods[-1].sizes(), found.model)
    same = Counter(names.get(segment, segment) for segment, _ in ranked)
    rows = [
        backfill_periods.customers_row(
            name if same[name := names.get(segment, segment)] == 1 else f"{name} ({segment})", *sizes
        )
        for segment, sizes in ranked
    ]
    rows.append(["together", *(f"{sum(sizes[side] for _, sizes in ranked):,}" for side in (0, 1)), ""])
    title = f"Customers at {found.known.watermark:%Y-%m-%d %H:%M} UTC"
    output.print(table(title, ["persona", "model", "published", "difference"], rows))


def _show_moves(found: Backfill) -> None:
    both = found.totals
    rows = backfill_periods.cause_rows(both)
    rows.append(["to-and-fro within 90 days", *(_share(side.to_and_fro, side.all) for side in both)])
    rows.append(["time alone climbs", *(_share(side.direction.climbs, side.direction.by_time) for side in both)])
    rows.append(["a purchase falls", *(_share(side.direction.falls, side.direction.by_purchase) for side in both)])
    first = found.periods[0].period.since
    output.print(table(f"Changes since {first:%Y-%m-%d}, by cause", ["cause", "model", "published"], rows))


def _names(found: Backfill, models: Models) -> dict[str, str]:
    """Every segment's name by its id; where models differ, that of the model whose history it is."""
    return segment_names(models) | {segment.id: segment.name for segment in found.model.segments}


def _share(count: int, of: int) -> str:
    return f"{count:,} ({count / of:.1%})" if of else f"{count:,}"


def _ranked(sizes: Mapping[str, tuple[int, int]], model: SegmentModel) -> list[tuple[str, tuple[int, int]]]:
    """The segments by rank: in the model's order where it has them, the others in the order of personas."""
    segments = {segment: sizes.get(segment, (0, 0)) for segment in [*model.index, *sizes]}
    return sorted(
        segments.items(), key=lambda each: (each[0] not in model.index, model.index.get(each[0], RANK.get(each[0], 0)))
    )


def notes(found: Backfill, by: Grain) -> Iterator[str]:
    """What to know about the numbers, one line each."""
    known = found.known
    until = f"{known.watermark:%Y-%m-%d %H:%M} UTC"
    if known.since is not None:
        whole = f"`segue prune` deleted published changes; they are whole from {known.since:%Y-%m-%d %H:%M} UTC on"
        if found.periods:
            yield f"{whole}, and the comparison begins with {found.periods[0].period.label}."
        else:
            yield f"{whole}, and no {by} begins between then and {until}: nothing is compared."
    elif not found.periods:
        yield f"No customer had ordered by {until}: nothing is compared."
    if found.periods:
        yield _equality(found)
    if known.forgotten:
        forgotten = many(known.forgotten, "customer was", "customers were")
        yield f"{forgotten} forgotten since the stream began; neither history has them."
    if known.late or known.revisions:
        yield (
            f"Since the stream began, {many(known.late, 'order')} came late, and "
            f"{many(known.revisions, 'revision was', 'revisions were')} applied to orders of "
            f"{many(found.revised, 'customer')}. The model's history has them at their own event time, as they are "
            "now; the published one has them from when they were applied."
        )


def _equality(found: Backfill) -> str:
    same = backfill_periods.equality(found.equal, *found.totals, "changes", "segments")
    of_all = f"of {many(found.customers, 'customer')}"
    other = many(found.differing, f"{of_all} has other changes", f"{of_all} have other changes")
    by = backfill_periods.publishers(found.published_by, found.model.version, "model", "Nothing")
    return f"{same} {other}. {by}"


def as_json(found: Backfill, models: Models, by: Grain) -> dict[str, Any]:
    """Return everything as JSON values."""
    names, known = _names(found, models), found.known
    return {
        "model": found.model.version,
        "reached": known.watermark.isoformat(),
        "published_since": None if known.since is None else known.since.isoformat(),
        "published_by": found.published_by,
        "customers": found.customers,
        "forgotten": known.forgotten,
        "late": known.late,
        "revisions": known.revisions,
        "revised_customers": found.revised,
        "changes": {"model": found.changes, "published": found.published},
        "by": by,
        "compared": backfill_periods.compared_as_json(found, _moves),
        "periods": [_period(each, found.model, names) for each in found.periods],
        **({} if found.risk is None else {"risk": backfill_risk_report.as_json(found.risk)}),
    }


def _period(each: PeriodComparison, model: SegmentModel, names: Mapping[str, str]) -> dict[str, Any]:
    sizes = [
        {"segment": segment, "name": names.get(segment, segment), "model": ours, "published": theirs}
        for segment, (ours, theirs) in _ranked(each.sizes(), model)
    ]
    return backfill_periods.as_json(each, {"segments": sizes}, _moves)


def _moves(counts: MoveCounts) -> dict[str, Any]:
    return {
        "changes": counts.all,
        "by_cause": counts.by_cause,
        "to_and_fro": counts.to_and_fro,
        "direction": counts.direction._asdict(),
    }
