"""``segue fit``: fit a model on profiles, and register it."""

from typing import Annotated, Any, Literal, Optional

import typer

from batch.choices import PresetName, Scaler
from data.postgres import model_registry
from data.postgres.database import engine
from models.segment_model import Monetary, Transform
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import messages, spinner


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
    dataset: options.OptionalDataset = None,
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
    seed: Annotated[Optional[int], typer.Option(min=0, help="Seed of KMeans and of sampling. By default 42.")] = None,  # noqa: UP045
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the segments, but register nothing.")] = False,
    accept_dates: options.AcceptDates = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the model as JSON.")] = False,
) -> None:
    """Fit segments on customers, and register the model in Postgres.

    Recency, frequency and monetary value are log-transformed and standardised; KMeans finds k segments. Each segment
    gets the persona that it resembles most, and keeps the champion's name if it means the same. The first registered
    model becomes the champion, a later one the challenger: see `segue models compare` and `segue models activate`.
    If workers have collected customers without a model, the first model is activated at once, through the log.
    """
    from batch.fit import fit
    from batch.presets import PRESETS
    from segue.cli import fitting

    settings = Settings()
    given: dict[str, Any] = {"monetary": monetary, "transform": transform, "scaler": scaler, "seed": seed}
    chosen = PRESETS[preset]._replace(**{name: value for name, value in given.items() if value is not None})
    with spinner("Counting"):
        if from_stream:
            fitting.check_enough(settings, chosen.k if k in (None, "auto") else k)
            source = fitting.from_stream(settings, dataset, cutoff, preset)
        else:
            source = fitting.from_dataset(settings, dataset, cutoff, preset, accept_dates)
    choice = fitting.chosen_k(source.profiles, chosen) if k == "auto" else None
    chosen = chosen._replace(k=chosen.k if k is None else k if choice is None else choice.k)
    metadata = source.metadata | {"preset": preset} | ({} if choice is None else choice.metadata)
    with spinner("Fitting"):
        champion = fitting.champion_to_follow(settings)
        result = fit(source.profiles, **chosen._asdict(), champion=champion, metadata=metadata)
    fitting.show(result, choice, as_json)
    if not dry_run:
        alias = model_registry.register(engine(settings.database), result.model)
        hint = (
            ""
            if alias == model_registry.CHAMPION
            else "; see `segue models compare`, then `segue models activate challenger`"
        )
        messages.print(f"Registered as {result.model.version}, the {alias}{hint}.")
        if alias == model_registry.CHAMPION:
            from segue.cli.activation import activate_first

            if activate_first(settings, result.model):
                messages.print("Everybody who has bought has a segment.")
