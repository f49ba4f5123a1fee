"""Mutations of what a trailing window does to segments."""

from sim.mutation.mutation import Mutation

_APPLY = "stream_app/core/apply.py"
_COUNTED = "stream_app/core/counted.py"
_SQL = "stream_app/storage/statements.py"
_TRANSITION = "stream_app/core/transition.py"

WINDOWS = (
    Mutation(
        "purchase counts at the moment of its expiry",
        "A customer is inactive a microsecond later than the window says.",
        _COUNTED,
        "occurred_at + window_days * MICROS_PER_DAY",
        "occurred_at + window_days * MICROS_PER_DAY + 1",
    ),
    Mutation(
        "what a revision replaces still counts",
        "A cancelled order counts until it would have expired.",
        _APPLY,
        'found.append((customer, at, old.occurred_at, -1, old.kind == "sale", old.amount))',
        "pass",
    ),
    Mutation(
        "expiries ahead not looked at",
        "A customer who orders no more keeps the segment until recency alone moves them.",
        _TRANSITION,
        "        last.look_ahead(model, ahead)\n",
        "        pass\n",
    ),
    Mutation(
        "expiries ahead not looked at when a model becomes active",
        "Customers who do not order again after a new model never become inactive.",
        _TRANSITION,
        "        assignment.look_ahead(model, ahead)\n",
        "        pass\n",
    ),
    Mutation(
        "orders at the begin of the window not loaded",
        "With each batch, a customer loses the orders of the batches before.",
        _SQL,
        "WHERE occurred_at > after AND kind <> 'cancelled'",
        "WHERE occurred_at > after + interval '4 days' AND kind <> 'cancelled'",
    ),
    Mutation(
        "cancelled orders expire",
        "An order that was cancelled counts as a return.",
        _SQL,
        " AND kind <> 'cancelled'\n",
        "\n",
    ),
)
