"""``segue audience``: named groups of customers: save, list, count, show, delete and export."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Optional

import typer
from sqlalchemy import Connection, Engine

from data.postgres import audience_members, audiences, currency, model_registry
from data.postgres.audience_members import AudienceMoment, at_one_moment, moment
from data.postgres.audiences import Audience
from data.postgres.past_moments import PastError
from models.audience import AudienceDefinition, checked_name, with_known_segments
from models.audience_text import EVERYONE, checked_text, to_text
from runtime.counts import many
from runtime.errors import NotFoundError
from runtime.settings import Settings
from segue.cli import audience_options as given
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, output, table
from segue.cli.errors import one_line
from segue.cli.options import AsJson
from segue.cli.past_moment import AsOf, at_moment, say_of_past
from segue.cli.postgres import connect
from services.audience_files import Use

app = typer.Typer(no_args_is_help=True, help="Name groups of customers, count them, and export them.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the audience, such as `Lapsed Champions`.")]


@app.command()
def save(
    name: Name,
    where: given.Where = None,
    segment: given.Segments = None,
    risk: given.Risks = None,
    country: given.Countries = None,
    recency_at_least: given.RecencyAtLeast = None,
    recency_at_most: given.RecencyAtMost = None,
    frequency_at_least: given.FrequencyAtLeast = None,
    frequency_at_most: given.FrequencyAtMost = None,
    spend_at_least: given.SpendAtLeast = None,
    spend_at_most: given.SpendAtMost = None,
    stake_at_least: given.StakeAtLeast = None,
    moved_from: given.MovedFrom = None,
    moved_to: given.MovedTo = None,
    since: given.Since = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an audience of that name.")] = False,
) -> None:
    """Save an audience: customers who pass all filters. Several values of one filter mean any of them.

    Only the filters are saved. Who is in the audience is found out each time, at the stream's event time.
    """
    chosen = checked_name(name)
    definition = given.definition(
        where,
        {
            "segment": segment,
            "risk": risk,
            "country": country,
            "recency_days": (recency_at_least, recency_at_most),
            "frequency": (frequency_at_least, frequency_at_most),
            "net_spend": (spend_at_least, spend_at_most),
            "at_stake": (stake_at_least, None),
            "moved_from": moved_from,
            "moved_to": moved_to,
            "since": since,
        },
    )
    postgres = connect(Settings())
    definition = with_known_segments(definition, model_registry.personas(postgres))
    known = None if force else _known(postgres, chosen, definition)
    with recorded(postgres, "audience save", chosen, definition=checked_text(definition)):
        if force:
            audiences.replace(postgres, chosen, definition)
        else:
            audiences.save(postgres, chosen, definition, known)
    messages.print(f"{chosen}: {to_text(definition)}", markup=False, soft_wrap=True)
    _say_how_many(postgres, definition)


@app.command("list")
def list_them(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Show all audiences, with the number of customers in each now, or as of a past moment."""
    with at_moment(Settings(), as_of) as connection:
        found, unreadable = audiences.listed(connection)
        now = _now(connection) if as_of is None else moment(connection, as_of)
        rows = [*zip(found, _counts(connection, found, now), strict=True)]
    for reason in unreadable:
        messages.print(reason, style="yellow", markup=False, soft_wrap=True)
    if as_json:
        when = {} if as_of is None else {"as_of": as_of.isoformat()}
        output.print_json(data=[_as_json(each, customers=number, **when) for each, number in rows])
    elif not rows:
        messages.print("There is no audience yet: save one with `segue audience save NAME --segment Champions`.")
    else:
        shown = [
            [
                each.name,
                "unknown" if number is None else f"{number:,}",
                f"{each.changed_at:%Y-%m-%d %H:%M}",
                to_text(each.definition),
            ]
            for each, number in rows
        ]
        title = "Audiences" if as_of is None else f"Audiences as of {as_of:%Y-%m-%d %H:%M} UTC"
        output.print(table(title, ["name", "customers", "changed at", "definition"], shown))
        if now is not None:
            say_of_past(now)


@app.command()
def count(name: Name, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Print how many customers are in an audience now, or were in it as of a past moment."""
    with at_moment(Settings(), as_of) as connection:
        found, now = audiences.find(connection, name), moment(connection, as_of)
        number = audience_members.count(connection, found.definition, now)
    if as_json:
        output.print_json(data={"name": found.name, "customers": number, "as_of": now.event_time.isoformat()})
    else:
        output.print(f"{number}")


@app.command()
def show(name: Name, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Show an audience: its definition, how many customers are in it now, their spend, and the money at stake.

    With --as-of, it shows how many were in it at a past moment.
    """
    settings = Settings()
    with at_moment(settings, as_of) as connection:
        found, now = audiences.find(connection, name), moment(connection, as_of)
        sums = audience_members.totals(connection, found.definition, now)
        money = settings.money.of(currency.stored(connection))
    if as_json:
        stake = None if sums.at_stake is None else round(sums.at_stake, 2)
        more = {"customers": sums.customers, "net_spend": round(sums.net_spend, 2), "at_stake": stake}
        output.print_json(data=_as_json(found, **more, as_of=now.event_time.isoformat()))
        return
    rows = [
        ["definition", to_text(found.definition)],
        ["customers", f"{sums.customers:,}"],
        ["net spend", money.exact(sums.net_spend)],
        [
            "money at stake",
            _without_predictions(now) if sums.at_stake is None else money.exact(sums.at_stake),
        ],
        ["as of", f"{now.event_time:%Y-%m-%d %H:%M} UTC"],
        ["created at", f"{found.created_at:%Y-%m-%d %H:%M}"],
        ["changed at", f"{found.changed_at:%Y-%m-%d %H:%M}"],
    ]
    output.print(table(f"Audience {found.name}", ["field", "value"], rows, align="left"))
    say_of_past(now)


@app.command()
def delete(name: Name) -> None:
    """Delete an audience. Its customers stay as they are."""
    postgres = connect(Settings())
    with recorded(postgres, "audience delete", name[:64]):
        audiences.remove(postgres, name)
    messages.print(f"The audience {name} is deleted.", markup=False)


@app.command()
def export(
    name: Name,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write, .csv.")],
    for_: Annotated[
        Use,
        typer.Option(
            "--for",
            help="`systems` gets every text as it is. `spreadsheets` gets a file that Excel reads as UTF-8, with an "
            "apostrophe before what it would take for a formula.",
        ),
    ] = "systems",
    join: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it
        typer.Option(
            "--join",
            metavar="FILE",
            help="A CSV with a column `customer_id`: its other columns, such as name, e-mail and consent, are added by "
            "customer id. Nothing of it is stored.",
        ),
    ] = None,
    join_by: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--join-by", metavar="COLUMN", help="The column of FILE with the customers' ids."),
    ] = None,
    as_of: AsOf = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write an audience as CSV, one row a customer, as of the stream's event time or, with --as-of, a past moment.

    A row has the current and the previous segment, since when, R, F and M, risk state, money at stake, and the moment.
    """
    from segue.cli.audience_export import export_audience

    export_audience(name, out, for_, join, join_by, as_of, force)


def _known(postgres: Engine, name: str, definition: AudienceDefinition) -> AudienceDefinition | None:
    """What is saved under a name, which must be nothing else."""
    with postgres.connect() as connection:
        try:
            known = audiences.find(connection, name).definition
        except NotFoundError:
            return None
    if known != definition:
        fail(f"there is an audience {name} already ({to_text(known)}): choose another name, or use --force")
    return known


def _say_how_many(postgres: Engine, definition: AudienceDefinition) -> None:
    with at_one_moment(postgres) as connection:
        now = _now(connection)
        number = _count(connection, definition, now)
        if number is None:
            messages.print(
                "There is nothing to count yet: the stream has no event time, or the model has no predictions."
            )
            return
        everybody = " Every customer with a segment is." if to_text(definition) == EVERYONE else ""
        messages.print(f"{many(number, 'customer is', 'customers are')} in it now.{everybody}")
        if not number and definition.countries:
            known = set(audience_members.countries(connection))
            unknown = [each for each in definition.countries if each not in known]
            if unknown:
                shown = ", ".join(sorted(known)[:20])
                messages.print(
                    f"No customer is in {unknown[0]}; there are {shown}", markup=False, soft_wrap=True, style="yellow"
                )


def _now(connection: Connection) -> AudienceMoment | None:
    try:
        return moment(connection)
    except NotFoundError:
        return None


def _count(connection: Connection, definition: AudienceDefinition, now: AudienceMoment | None) -> int | None:
    """How many customers; None if that can't be said yet."""
    if now is None or (definition.needs_rhythm and now.rhythm is None):
        return None
    return audience_members.count(connection, definition, now)


def _counts(connection: Connection, found: Sequence[Audience], now: AudienceMoment | None) -> list[int | None]:
    """How many customers each has; None, with a line, for one that a past moment can't be asked for."""
    if now is None or now.past is None:
        return [_count(connection, each.definition, now) for each in found]
    asked = []
    for each in found:
        try:
            audience_members.require(each.definition, now)
            asked.append(each)
        except PastError as error:
            messages.print(f"{each.name}: {one_line(error)}", style="yellow", markup=False, soft_wrap=True)
    counted = audience_members.counts(connection, [each.definition for each in asked], now)
    numbers = {each.name: number for each, number in zip(asked, counted, strict=True)}
    return [numbers.get(each.name) for each in found]


def _without_predictions(now: AudienceMoment) -> str:
    whose = "the champion has" if now.past is None else "the model that was active then had"
    return f"unknown: {whose} no predictions"


def _as_json(found: Audience, **more: object) -> dict[str, object]:
    moments = {"created_at": found.created_at.isoformat(), "changed_at": found.changed_at.isoformat()}
    return {"name": found.name, "definition": to_text(found.definition), **moments, **more}
