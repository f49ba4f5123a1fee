"""``segue fit``: fit a model on profiles, and register it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import typer

from batch.choices import PresetName, Scaler
from data.postgres import model_registry
from data.postgres.aliases import CHAMPION
from models.segment_model import RECENCY_UNITS, Monetary, SegmentModel, Transform
from runtime.output_files import check_output, replacing
from runtime.settings import Settings
from segue.cli import options, reading_options, windows
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, spinner

if TYPE_CHECKING:
    from segue.cli.fitting import Registry


def _k(text: "str | int") -> "int | Literal['auto']":
    if text == "auto":
        return "auto"
    if not str(text).isdecimal() or int(text) < 1:
        raise typer.BadParameter("give a number, or auto")
    return int(text)


K = Annotated[
    Any, typer.Option("--k", parser=_k, metavar="N|auto", help="Number of segments; `auto` chooses from 2 to 10.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="fit")(fit_model)


def fit_model(
    files: reading_options.Files = None,
    from_stream: Annotated[
        bool, typer.Option("--from-stream", help="Fit on the customers in Postgres instead of a dataset.")
    ] = False,
    cutoff: options.FitCutoff = None,
    preset: Annotated[
        PresetName,
        typer.Option(help="`classic` is the textbook pipeline: all sales with a customer, gross, without a logarithm."),
    ] = "segue",
    k: K = None,
    monetary: Annotated[
        Optional[Monetary],  # noqa: UP045
        typer.Option(help="Monetary value, `net` of returns or `gross`. By default the preset's: net."),
    ] = None,
    transform: Annotated[
        Optional[Transform],  # noqa: UP045
        typer.Option(help="Transform of R, F and M before they are scaled. By default the preset's: log1p."),
    ] = None,
    scaler: Annotated[
        Optional[Scaler],  # noqa: UP045
        typer.Option(help="Scale by mean and deviation, or by median and quartiles. By default standard."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=options.LARGEST_SEED, help="Seed of KMeans and of sampling. By default 42."),
    ] = None,
    rank_order: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option(
            "--rank-order/--no-rank-order",
            help="Let no better segment be silent for longer than a worse one: time alone then promotes none. By "
            "default the preset's: yes.",
        ),
    ] = None,
    recency_unit: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            min=RECENCY_UNITS[0],
            max=RECENCY_UNITS[1],
            metavar="DAYS",
            help="Count recency in units of this many days before the logarithm: shorter differences count little. By "
            "default the preset's: 90.",
        ),
    ] = None,
    window: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            parser=windows.window,
            metavar="DURATION",
            help="Let F and M count the orders and returns of the last days only, such as 365d; a customer without "
            "one is Inactive. By default they count all.",
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", help="Also write the model to this file, .json."),
    ] = None,
    assign: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--assign", help="Also write every customer with the segment to this file, .csv."),
    ] = None,
    register: Annotated[
        bool,
        typer.Option("--register", help="Fail without a database; by default the model is registered if there is one."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the segments, but register nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    accept_dates: options.AcceptDates = False,
    mapping: reading_options.MappingFile = None,
    set_: reading_options.Settings = None,
    on_error: reading_options.OnError = "stop",
    rejects: reading_options.Rejects = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the model as JSON.")] = False,
) -> None:
    """Fit segments on customers, show them, and register the model if a stack or a database is there.

    The model also carries a rhythm model, fitted on the same orders, from which the dashboard predicts who comes back.

    Without one, `-o` and `--assign` write the model and every customer's segment to files. `segue score` uses such a
    model, and `segue models import` registers it.

    Recency (in units of 90 days), frequency and monetary value are log-transformed and standardised; KMeans finds k
    segments, in rank order, so that time alone promotes no customer. Each segment gets the persona that it resembles
    most, and keeps the champion's name if it means the same. The first registered model becomes the champion, a later
    one the challenger: see `segue models compare` and `segue models activate`. If workers have collected customers
    without a model, the first model is activated at once, through the log.
    """
    from batch.assignments import assignments
    from batch.export import write_model
    from batch.fit import fit
    from batch.presets import PRESETS
    from segue.cli import fitting, predicting, scoring

    if register and dry_run:
        fail("give --register or --dry-run, not both")
    if preset == "classic" and window is not None:
        fail("--preset classic counts all sales: leave out --window")
    if out is not None:
        check_output(out, suffixes=(".json",), force=force)
    scoring.check_assigned(assign, force)
    settings = Settings()
    how = reading_options.reading(files, mapping, set_, on_error, rejects, settings.currency)
    registry = fitting.registry(settings, register, dry_run)
    given: dict[str, Any] = {"monetary": monetary, "transform": transform, "scaler": scaler, "seed": seed}
    given |= {"rank_order": rank_order, "recency_unit": recency_unit, "window_days": window}
    chosen = PRESETS[preset]._replace(**{name: value for name, value in given.items() if value is not None})
    with spinner("Counting"):
        if from_stream:
            fitting.check_enough(settings, chosen.k if k in (None, "auto") else k)
            source = fitting.from_stream(settings, files, cutoff, preset, window)
        else:
            source = fitting.from_dataset(settings, files, how, cutoff, preset, accept_dates, window)
            _check_currency(registry, source.money.currency, settings.currency)
    choice = fitting.chosen_k(source.profiles, chosen) if k == "auto" else None
    chosen = chosen._replace(k=chosen.k if k is None else k if choice is None else choice.k)
    metadata = source.metadata | {"preset": preset} | ({} if choice is None else choice.metadata)
    with spinner("Fitting"):
        result = fit(source.profiles, **chosen._asdict(), champion=registry.champion, metadata=metadata)
    with spinner("Fitting predictions"):
        result = predicting.with_predictions(result, source)
    fitting.show(result, choice, as_json, source)
    if out is not None:
        with replacing(out) as draft:
            write_model(result.model, draft, "json")
        messages.print(f"The model is in {out}", soft_wrap=True, markup=False)
    if assign is not None:
        scoring.write_assigned(assignments(source.profiles, result.model), assign)
    _register(settings, registry, result.model, out)


def _check_currency(registry: "Registry", found: str, currency: str) -> None:
    """Refuse to register a model on amounts in another currency than the stream's."""
    if registry.postgres is not None and found != currency:
        fail(
            f"the files are in {found}, and the stream in {currency}: set SEGUE_CURRENCY={found} for all processes of "
            "a new stream, or give --dry-run"
        )


def _register(settings: Settings, registry: "Registry", model: SegmentModel, out: Path | None) -> None:
    """Register a model, or say why it is not and what to do next."""
    from segue.cli.predicting import say_if_left_out

    if registry.postgres is not None:
        with recorded(registry.postgres, "fit", model.version):
            alias = model_registry.register(registry.postgres, model)
        hint = "" if alias == CHAMPION else "; see `segue models compare`, then `segue models activate challenger`"
        messages.print(f"Registered as {model.version}, the {alias}{hint}.")
        say_if_left_out(registry.postgres, model)
        if alias == CHAMPION:
            from segue.cli.activation import activate_first

            if activate_first(settings, model):
                messages.print("Every customer who has bought has a segment.")
    elif registry.reason is not None:
        following = (
            "add `-o model.json` to keep the model, or start `segue up` and fit again"
            if out is None
            else f"`segue score FILE --model {out}`, or start `segue up`, then `segue models import {out}`"
        )
        messages.print(f"Not registered: {registry.reason}. Next: {following}.", soft_wrap=True, markup=False)
