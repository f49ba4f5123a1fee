"""``segue models``: list, show, compare and activate models."""

from contextlib import ExitStack
from typing import Annotated, Any, Optional

import msgspec
import typer

from data.postgres import currency, model_registry
from data.postgres.aliases import CHALLENGER, CHAMPION, PROPOSED
from models.drift.challenger import ORIGIN
from models.rhythm.carried import METADATA_KEY as RHYTHM_KEY
from models.segment_model import SegmentModel
from models.window_text import last_days
from runtime.settings import Settings
from segue.cli import model_file_commands, options
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, output, spinner, table
from segue.cli.postgres import connect

# Every customer is read.
_LONG_SECONDS = 600

app = typer.Typer(no_args_is_help=True, help="List, compare, activate, import and export models.")


@app.command("list")
def list_models(
    everything: Annotated[bool, typer.Option("--all", help="Include the drift observer's old challengers.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the registered models, oldest first."""
    registered = model_registry.entries(connect(Settings()))
    entries = [entry for entry in registered if everything or _is_listed(entry)]
    if as_json:
        found = [_entry(entry) for entry in entries]
        output.print_json(msgspec.json.encode(found).decode())
        return
    rows = [
        [
            entry.model.version,
            ", ".join(entry.aliases) or "—",
            str(entry.partitions or "—"),
            _definition(entry.model),
            f"{entry.model.metadata.get('customers', 0):,}",
            _number(entry.model.metadata.get("silhouette")),
            str(entry.model.metadata.get("dataset", "—")),
            f"{entry.created_at:%Y-%m-%d %H:%M}",
        ]
        for entry in entries
    ]
    columns = [
        *("version", "alias", "partitions", "definition"),
        *("customers", "silhouette", "fitted on", "registered"),
    ]
    output.print(table("Models", columns, rows))


@app.command()
def show(model: options.Model = CHAMPION, as_json: options.AsJson = False) -> None:
    """Show one model: its definition, its segments and its metadata."""
    found = model_registry.find(connect(Settings()), model)
    if as_json:
        output.print_json(msgspec.json.encode(found).decode())
        return
    sizes = found.metadata.get("sizes", {})
    rows = [
        [segment.name, f"{sizes.get(segment.id, 0):,}", *(f"{number:+.2f}" for number in segment.centroid)]
        for segment in found.segments
    ]
    columns = ["persona", "customers", "recency", "frequency", "monetary"]
    output.print(table(f"Model {found.version}: centroids in standard deviations", columns, rows))
    definition = {"monetary": found.monetary, "transform": found.transform, "recency_unit": _unit(found)}
    if found.window_days is not None:
        definition["window"] = last_days(found.window_days)
    for name, value in {**definition, **found.metadata}.items():
        if name not in ("sizes", "k_curve", "reference", RHYTHM_KEY):
            output.print(f"{name.replace('_', ' ')}: {value}", markup=False)


@app.command("compare")
def compare_models(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help=options.MODEL_HELP)] = CHAMPION,
    after: Annotated[str, typer.Argument(metavar="AFTER", help=options.MODEL_HELP)] = CHALLENGER,
    limit: Annotated[int, typer.Option(min=0, help="Number of customers to name, the biggest spenders first.")] = 10,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON, with every customer who would move.")
    ] = False,
) -> None:
    """Show which customers would move if AFTER replaced BEFORE now, as of the stream's event time."""
    from segue.cli import comparison

    settings = Settings()
    postgres = connect(settings, _LONG_SECONDS)
    with spinner("Comparing"):
        models = model_registry.find(postgres, before), model_registry.find(postgres, after)
        found = comparison.of_stream(postgres, *models)
    if as_json:
        output.print_json(msgspec.json.encode(comparison.as_json(found)).decode())
    else:
        comparison.show(found, postgres, currency.stored_money(postgres, settings.money), limit)


@app.command()
def activate(
    model: options.Model,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until all customers are rescored.")] = False,
) -> None:
    """Activate a model: it decides every segment from this point of the log on.

    The model is written to every partition as a record. Workers apply it in order with the transactions, and rescore
    their customers in chunks while transactions continue. `segue models compare` shows beforehand who will move.
    """
    from producers import model_activation
    from producers.log_session import session
    from segue.cli.activation import wait

    settings = Settings()
    postgres = connect(settings)
    chosen = model_registry.find(postgres, model)
    with ExitStack() as until_the_end:
        with recorded(postgres, "models activate", chosen.version):
            if model_activation.make_champion_before_start(postgres, chosen):
                messages.print(
                    f"No worker has started yet: {chosen.version} is the champion that workers will start with."
                )
                return
            open_session = until_the_end.enter_context(session(settings))
            sent = model_activation.activate(open_session, chosen)
        messages.print(f"{chosen.version} is in all {len(sent.ends)} partitions of the log, and is the champion.")
        if not no_wait:
            wait(open_session, sent)
            messages.print("All customers are rescored.")


@app.command()
def promote(
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            metavar="MODEL", help="By default the model that a refit after drift has proposed, else the challenger."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until all customers are rescored.")] = False,
) -> None:
    """Replace the champion by a candidate, after showing who would move and asking for confirmation.

    The candidate is activated as by `segue models activate`.
    """
    from segue.cli import comparison

    settings = Settings()
    postgres = connect(settings, _LONG_SECONDS)
    with postgres.connect() as connection:
        known = model_registry.aliases(connection)
    name = model or (PROPOSED if PROPOSED in known else CHALLENGER)
    candidate, champion = model_registry.find(postgres, name), model_registry.champion(postgres)
    if champion is None or candidate.version == champion.version:
        fail(f"{candidate.version} is the champion: there is nothing to promote")
    with spinner("Comparing"):
        found = comparison.of_stream(postgres, champion, candidate)
    comparison.show(found, postgres, currency.stored_money(postgres, settings.money), 0)
    if not yes:
        typer.confirm(f"Activate {candidate.version}?", abort=True, err=True)
    activate(candidate.version, no_wait)


def _entry(entry: model_registry.RegisteredModel) -> dict[str, Any]:
    model: SegmentModel = entry.model
    return {
        "version": model.version,
        "aliases": entry.aliases,
        "partitions": entry.partitions,
        "created_at": entry.created_at,
        "monetary": model.monetary,
        "transform": model.transform,
        "recency_unit": model.recency_unit,
        **({} if model.window_days is None else {"window_days": model.window_days}),
        "metadata": model.metadata,
    }


def _definition(model: SegmentModel) -> str:
    parts: list[str] = [model.monetary, model.transform]
    if model.recency_unit != 1:
        parts.append(_unit(model))
    if model.window_days is not None:
        parts.append(last_days(model.window_days))
    if model.metadata.get("rank_order") is True:
        parts.append("rank order")
    return ", ".join(parts)


def _unit(model: SegmentModel) -> str:
    return f"{model.recency_unit:g} day{'' if model.recency_unit == 1 else 's'}"


def _is_listed(entry: model_registry.RegisteredModel) -> bool:
    """Return whether to list a model: of the drift observer's challengers, only the one with an alias."""
    return bool(entry.aliases or entry.partitions) or entry.model.metadata.get("origin") != ORIGIN


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "—"


model_file_commands.add_to(app)
