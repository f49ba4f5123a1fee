"""Mutations of what a micro-batch does to risk states."""

from sim.mutation.mutation import Mutation

_RISK = "stream_app/core/risk.py"
_SPANS = "stream_app/core/spans.py"
_SQL = "stream_app/storage/risk_statements.py"
_UNIT = "stream_app/storage/unit_of_work.py"
_UNITS = "stream_app/partitions/units_of_work.py"

RISK = (
    Mutation(
        "due risk states not loaded",
        "A customer who orders no more stays on rhythm forever.",
        _SQL,
        "  WHERE customer_id NOT IN (SELECT customer_id FROM due)\n",
        "  WHERE false\n",
    ),
    Mutation(
        "next risk state not stored",
        "A customer who has ordered again is due at the moment that was right before.",
        _SQL,
        "\n  next_at = excluded.next_at,",
        "\n ",
    ),
    Mutation(
        "risk states not remembered between ticks",
        "A worker that knows when the next decay is due takes that for the next moment at which any customer is due.",
        _UNIT,
        "                self._next_due.saving(result.risk.rows.next_at)\n",
        "",
    ),
    Mutation(
        "slices of due risk states left out",
        "If a tick makes many customers due, all but those of the first loading keep their risk states.",
        _UNITS,
        "await self._fire_due_risk(batch, self.rhythm)",
        "True",
    ),
    Mutation(
        "another rhythm model not noticed",
        "Customers keep the risk states of the rhythm model before, until they order.",
        _RISK,
        "~before.current & (",
        "False & (",
    ),
    Mutation(
        "risk states kept when the rhythm model goes",
        "After a model without a rhythm model became active, customers are still due and overdue.",
        _UNITS,
        "if rhythm is not None or self.progress.risk_position else None",
        "if rhythm is not None else None",
    ),
    Mutation(
        "revision does not begin a span",
        "A customer whose last order was cancelled has the risk state of one who has just ordered.",
        _SPANS,
        "for column in (first, states.last_purchase_at, states.frequency):",
        "for column in (states.last_purchase_at,):",
    ),
    Mutation(
        "risk state of a late order begins at its own time",
        "An order that comes late makes its customer on rhythm, although the silence since then says overdue.",
        _RISK,
        "entered[rows] = np.where(fresh, risk_state(found, begins), entered[rows])",
        "entered[rows] = np.where(fresh, _ON_RHYTHM, entered[rows])",
    ),
)
