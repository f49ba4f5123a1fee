"""Texts that stand for a missing value."""

from data.datasets.cells import trimmed

# What programs write in place of a missing value, in lower case.
MISSING = frozenset(
    (
        "nan",
        "null",
        "none",
        "n/a",
        "n.a.",
        "k.a.",
        "#n/a",
        "#n/a n/a",
        "#null!",
        "#ref!",
        "#value!",
        "#name?",
        "#div/0!",
        "<na>",
        "<null>",
        "<none>",
        "na",
        "nat",
        "nil",
        "\\n",  # of MySQL: a backslash and N
        "(null)",
        "[null]",
        "(none)",
        "undefined",
        "missing",
        "(blank)",
        "(leer)",
        "(vide)",
        "?",
        "-",
        "--",
        "---",
        "—",
        "–",
    )
)
# Texts that a shop may have chosen for: no customer, in lower case.
STAND_INS = frozenset(
    ("0", "0.0", "-1", "unknown", "guest", "anonymous", "anonym", "gast", "unbekannt", "invité", "not set", "(not set)")
)


def is_missing(cell: str) -> bool:
    """Whether a cell stands for a missing value."""
    return trimmed(cell).lower() in MISSING
