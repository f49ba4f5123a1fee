"""Whether each customer's changes form an unbroken chain, where old changes may have been pruned."""

from datetime import datetime
from typing import NamedTuple

import pandas as pd

from batch.differences import differences, unequal


class Links(NamedTuple):
    """The names of columns: what a change leads from and to, and what the customer's row says of the last one."""

    before: str
    after: str
    state: str
    since: str


def broken_chains(
    what: str, changes: pd.DataFrame, whole_since: datetime | None, rows: pd.DataFrame, links: Links
) -> list[pd.DataFrame]:
    """All differences between stored changes and an unbroken chain that ends with the customer's row.

    What was before the first change of a pruned chain is unknown.

    Parameters
    ----------
    what
        The first column of each difference.
    changes
        ``customer_id, sequence, effective_at``, and the columns of ``links`` before and after.
    whole_since
        See :func:`data.postgres.kept_history.whole_since`.
    rows
        ``customer_id, sequence`` of the customers, and the columns of ``links`` for their state and since when.
    """
    changes = changes.sort_values(["customer_id", "sequence"])
    of_customer = changes.groupby("customer_id")
    begins = first_sequences(changes, whole_since)
    own_begin = begins.reindex(changes["customer_id"]).set_axis(changes.index)
    pruned = (own_begin > 1) & (changes["sequence"] == own_begin)
    before, after = changes[links.before], changes[links.after]
    chain = pd.DataFrame(
        {
            "customer_id": changes["customer_id"],
            "sequence_expected": of_customer.cumcount() + own_begin,
            "sequence_actual": changes["sequence"],
            f"{links.before}_expected": of_customer[links.after].shift().where(~pruned, before),
            f"{links.before}_actual": before,
        }
    )
    last = changes.drop_duplicates("customer_id", keep="last").set_index("customer_id")
    last["ends"] = of_customer.size() + begins - 1
    last = last.reindex(rows["customer_id"])
    fields = [links.state, links.since, "sequence"]
    ends = rows[["customer_id", *fields]].add_suffix("_actual").rename(columns={"customer_id_actual": "customer_id"})
    expected = (last[links.after], last["effective_at"], last["ends"].fillna(0).astype("int64"))
    ends = ends.assign(**{f"{name}_expected": value.array for name, value in zip(fields, expected, strict=True)})
    orphans = changes["customer_id"][~changes["customer_id"].isin(rows["customer_id"])].drop_duplicates()
    unchanged = changes[before.eq(after) | (before.isna() & after.isna())]
    return [
        *unequal(what, chain, ["sequence", links.before]),
        *unequal(what, ends, fields),
        differences(what, unchanged["customer_id"], links.after, "another", unchanged[links.after]),
        differences(what, orphans, "row", "missing", "present"),
    ]


def first_sequences(changes: pd.DataFrame, whole_since: datetime | None) -> "pd.Series[int]":
    """The sequence that each customer's changes must begin with, by ``customer_id``.

    It is 1, or that of the first stored change if it is not after ``whole_since``.

    Parameters
    ----------
    changes
        ``customer_id, sequence, effective_at``.
    whole_since
        See :func:`data.postgres.kept_history.whole_since`.
    """
    first = changes.sort_values(["customer_id", "sequence"]).drop_duplicates("customer_id").set_index("customer_id")
    if whole_since is None:
        return pd.Series(1, first.index, dtype="int64")
    return first["sequence"].where(first["effective_at"] <= pd.Timestamp(whole_since), 1)
