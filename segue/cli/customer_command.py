"""``segue customer``: one customer's segment, numbers, next change and last changes."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.text import Text

from data.postgres import currency
from data.postgres.customer_ids import behind, similar_ids
from models.purchase_text import without_purchase
from models.window_text import in_last_days
from runtime.counts import many
from runtime.money import Money
from runtime.settings import Settings
from segue.cli.console import fail, messages, output, table
from segue.cli.options import AsJson
from segue.cli.postgres import connect

if TYPE_CHECKING:
    from data.contract.events import SegmentChange, SegmentRef
    from services.api.schemas import Customer, Risk


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(customer)


def customer(
    customer_id: Annotated[
        str, typer.Argument(metavar="CUSTOMER", help="The customer's id, or a masked one from the dashboard.")
    ],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the last changes to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show a customer: segment, since when and why, recency, frequency and money, the next change and the last changes.

    The next change is the one that time alone causes, unless the customer buys or returns something before. With
    predictions, the risk state is shown, too. Everything is as of the event time that the stream has reached.
    """
    settings = Settings()
    postgres = connect(settings)
    money = currency.stored_money(postgres, settings.money)
    found, changes = asyncio.run(_read(settings.database, customer_id, limit))
    if found is None and (unmasked := behind(postgres, customer_id)) is not None:
        found, changes = asyncio.run(_read(settings.database, unmasked, limit))
    if found is None:
        similar = similar_ids(postgres, customer_id)
        fail(f"there is no customer {customer_id!r}{f'; did you mean {similar[0]!r}?' if similar else ''}")
    if as_json:
        content = {"customer": found, "changes": changes}
        output.print_json(msgspec.json.encode(content).decode())
        return
    for line in _lines(found, money):
        output.print(line, markup=False)
    rows = [
        [
            f"{change.sequence}",
            _moment(change.effective_at),
            "" if change.from_ is None else change.from_.persona,
            change.to.persona,
            change.cause,
            change.transaction_id or "",
        ]
        for change in changes
    ]
    if rows:
        heads = ["number", "effective at", "from", "to", "cause", "transaction"]
        output.print(table("Last changes", heads, rows, align="left"))
    else:
        messages.print(Text("no changes yet", style="dim"))


async def _read(database_url: str, customer_id: str, limit: int) -> "tuple[Customer | None, Sequence[SegmentChange]]":
    from services.api.reading import CustomerReader

    reader = CustomerReader(database_url)
    try:
        found = await reader.customer(customer_id)
        if found is None:
            return None, []
        # A customer may be forgotten in between.
        changes = await reader.changes(customer_id, max(found.sequence - limit, 0), limit)
        return found, [] if changes is None else changes.changes
    finally:
        await reader.close()


def _lines(found: "Customer", money: Money) -> list[str]:
    """What is known of a customer, in sentences."""
    known = "" if found.as_of is None else f", as of {_moment(found.as_of)}"
    lines = [f"Customer {found.customer_id} ({found.country}){known}"]
    if found.segment is None or found.since is None:
        lines.append("In no segment.")
    else:
        because = "" if found.why is None else f", because of: {_cause(found.why.cause, found.why.transaction_id)}"
        lines.append(f"{_named(found.segment)} since {_moment(found.since)}{because}")
    silence = found.recency_days
    days = (
        without_purchase(found.segment is not None) if silence is None else f"last purchase {many(silence, 'day')} ago"
    )
    amounts = [money.exact(Decimal(each)) for each in (found.monetary, found.gross, found.returned)]
    counted = in_last_days(found.window_days)
    lines.append(
        f"{days}, {many(found.frequency, 'sale invoice')}{counted}, {amounts[0]} spent (bought {amounts[1]}, "
        f"returned {amounts[2]})"
    )
    if found.next_change is None:
        lines.append("Time alone changes nothing.")
    else:
        lines.append(f"Next: {_named(found.next_change.to)} at {_moment(found.next_change.at)}, by time alone")
    return lines if found.risk is None else [*lines, _risk(found.risk)]


def _risk(risk: "Risk") -> str:
    """The risk state, the moment of its last change, and the next one."""
    known = f"Risk state {risk.state}, changed last on {_moment(risk.since)}"
    if risk.next is None:
        return f"{known}; time alone does not change it any more"
    return f"{known}; {risk.next.state} from {_moment(risk.next.at)}, unless they order before"


def _cause(cause: str, transaction_id: str | None) -> str:
    return cause.replace("_", " ") + ("" if transaction_id is None else f" {transaction_id}")


def _named(segment: "SegmentRef") -> str:
    return f"{segment.persona} ({segment.id})"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
