"""Why a customer is in a segment, and what would move them, as sentences."""

from datetime import datetime, timedelta

from dashboard.customer.markup import Portrait
from dashboard.customer.why import Goal, SegmentReason, ShownOrder
from dashboard.shared import elements, style
from dashboard.shared.literal import escape
from dashboard.shared.personas import Personas, look_up
from dashboard.shared.rhythm_text import BEYOND, FORESEEABLE
from models.segment_model import Monetary
from models.window_text import in_last_days
from runtime.counts import many
from runtime.money import Money


def why(
    found: SegmentReason,
    who: Portrait,
    counts: Monetary,
    known: Personas,
    now: datetime,
    money: Money,
    ahead: str = "from now",
) -> str:
    """The orders behind R, F and M, the border that time alone crosses, and the smallest order that moves them up.

    Parameters
    ----------
    counts
        How the model counts money: net of returns or gross.
    ahead
        What days ahead are counted from, in words.
    """
    lines = [
        _recency(found, who, money),
        _purchases(who),
        _spend(found, who, counts, money),
        _border(who, known, now, ahead),
        *_goals(found, who, known, money),
    ]
    inner = "".join(f"<li>{line}</li>" for line in lines)
    return f'<ul class="sg-reasons">{inner}</ul>'


def _recency(found: SegmentReason, who: Portrait, money: Money) -> str:
    if found.last is None or who.recency_days is None:
        return "<b>Recency</b>: no order counts any more."
    ago = f"{many(who.recency_days, 'day')} ago" if who.recency_days else "today"
    return f"<b>Recency</b>: the last order was {_order(found.last, money)}, {ago}."


def _purchases(who: Portrait) -> str:
    first = "" if who.first_purchase_at is None else f", the first one on {style.date(who.first_purchase_at)}"
    if who.window_days is not None and first:
        first = f"{in_last_days(who.window_days)}{first.replace('the first one', 'the first one ever')}"
    return f"<b>Purchases</b>: {many(who.frequency, 'purchase')}{first}."


def _spend(found: SegmentReason, who: Portrait, counts: Monetary, money: Money) -> str:
    parts = ""
    if counts == "net" and found.returned:
        parts = f" ({money.exact(found.gross)} bought, less {money.exact(found.returned)} returned)"
    elif found.returned:
        parts = f" ({money.exact(found.returned)} were returned, which this model does not count)"
    largest = "; ".join(_order(order, money) for order in found.largest)
    named = f" The largest {'order' if len(found.largest) == 1 else 'orders'}: {largest}." if largest else ""
    return f"<b>Spend</b>: {money.exact(who.monetary)}{in_last_days(who.window_days)}{parts}.{named}"


def _border(who: Portrait, known: Personas, now: datetime, later: str) -> str:
    if who.segment is None:
        return "<b>Without an order</b> they stay in no segment."
    if who.next_change_at is None or who.next_segment is None:
        return "<b>Without an order</b> they stay where they are: time alone never moves them."
    ahead = max(who.next_change_at - now, timedelta())
    when = BEYOND if ahead > FORESEEABLE else f"on {style.stamp(who.next_change_at)}, {_in_days(ahead.days, later)}"
    return f"<b>Without an order</b> they move to {_named(who.next_segment, known)} {when}."


def _goals(found: SegmentReason, who: Portrait, known: Personas, money: Money) -> list[str]:
    """Sentences about the smallest orders that lead to a better segment."""
    if found.smallest is None:
        return ["<b>An order</b>: which one would move them is known once they are scored by the champion."]
    if not found.goals:
        return [f"<b>An order</b> of any amount {_leads(found.smallest, who, known)}. No single order leads higher."]
    first, *higher = found.goals
    lines = [f"<b>{_least(first, money)}</b> makes them {_named(first.segment, known)}; {_stay(first)}."]
    if not first.is_any:
        lines[0] += f" A smaller one {_leads(found.smallest, who, known)}."
    lines += [
        f"<b>{_least(goal, money)}</b> makes them {_named(goal.segment, known)}; {_stay(goal)}." for goal in higher
    ]
    prevented = ""
    if who.next_change_at is not None and who.next_segment is not None and who.segment is not None:
        prevented = (
            f" Before {style.stamp(who.next_change_at)} it prevents the move to {_named(who.next_segment, known)}."
        )
    same = "The amount is the same on every day, because an order sets recency to 0."
    if who.window_days is not None:
        age = many(who.window_days, "day")
        same = f"The amounts are those of this moment: orders that are {age} old no longer count."
    return [*lines, f"{same}{prevented}"]


def _leads(goal: Goal, who: Portrait, known: Personas) -> str:
    """What the smallest possible order does."""
    if goal.segment == who.segment:
        return f"keeps them in {_named(goal.segment, known)}; {_stay(goal)}"
    return f"moves them to {_named(goal.segment, known)}"


def _least(goal: Goal, money: Money) -> str:
    return "An order of any amount" if goal.is_any else f"An order of at least {money.exact(goal.amount)}"


def _stay(goal: Goal) -> str:
    if goal.stays_days is None:
        return "without another one they stay there permanently"
    if goal.stays_days > FORESEEABLE.days:
        return "without another one they stay there for more than two years"
    return f"without another one they stay there for {many(goal.stays_days, 'day')}"


def _order(order: ShownOrder, money: Money) -> str:
    return f"{escape(order.transaction_id)} of {style.date(order.occurred_at)} ({money.exact(order.amount)})"


def _in_days(days: int, later: str) -> str:
    return f"{many(days, 'day')} {later}" if days else "within a day"


def _named(segment: str, known: Personas) -> str:
    return elements.segment_dot(look_up(known, segment))
