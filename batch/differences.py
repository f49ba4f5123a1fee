"""Differences between what is expected and what is stored, as rows of a table."""

from collections.abc import Sequence

import pandas as pd

COLUMNS = ["what", "customer_id", "field", "expected", "actual"]
NONE_FOUND = pd.DataFrame(columns=COLUMNS, dtype=object)


def unequal(
    what: str, joined: pd.DataFrame, fields: Sequence[str], prefix: "pd.Series | str" = ""
) -> list[pd.DataFrame]:
    """Rows in which ``<field>_expected`` and ``<field>_actual`` differ; two missing values are equal.

    Nothing for a field without a difference: a correct stream has none in any.
    """
    found = []
    for field in fields:
        expected, actual = joined[f"{field}_expected"], joined[f"{field}_actual"]
        wrong = ~((expected == actual) | (expected.isna() & actual.isna()))
        if not wrong.any():
            continue
        label = pd.Series(prefix + field, index=joined.index)[wrong]
        found.append(differences(what, joined["customer_id"][wrong], label, expected[wrong], actual[wrong]))
    return found


def differences(
    what: str,
    customer_id: pd.Series,
    field: pd.Series | str,
    expected: pd.Series | str,
    actual: pd.Series | str,
) -> pd.DataFrame:
    """One row for each given customer id; values of any type, None if missing."""
    if customer_id.empty:
        return NONE_FOUND
    columns = (what, customer_id, field, expected, actual)
    frame = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)), index=customer_id.index, dtype=object)
    return frame.where(frame.notna(), None)
