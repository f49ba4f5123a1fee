"""Tables without customers' ids: what the role ``segue_masked`` may read in place of the tables themselves.

The views have the names of the tables, in a schema that comes first in the search path of a masked session. So the same
queries run, and whatever is asked, Postgres answers without an id. In place of an id is its keyed hash (HMAC-SHA256):
the same everywhere, so that a customer can be followed. The role can neither read the key nor call anything that hashes
a text of its own, so nobody with that role can find a customer by a true id.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from data.postgres.view_schema import ViewSchema
from runtime.errors import Hint, SegueError

SCHEMA = "segue_masked"
#: How every masked id begins.
MASK_BEGINS = "m-"
#: The text in place of texts that may quote an id.
HIDDEN = "hidden from this role"


def reads(columns: Iterable[str]) -> str:
    """The rights to read some columns of a table, each a right of its own."""
    return ", ".join(f"SELECT ({column})" for column in columns)


class UnmaskedError(SegueError):
    """A session that was to be masked could read ids."""


def _hash(column: str) -> str:
    # HMAC from its definition: a function of ours would have to be callable by those who read the view. 20 hexadecimal
    # digits: among ten million ids, two are the same once in 24 billion databases.
    inner = f"sha256((SELECT inner_pad FROM mask_key) || convert_to({column}, 'UTF8'))"  # noqa: S608 - constants
    outer = f"sha256((SELECT outer_pad FROM mask_key) || {inner})"  # noqa: S608
    return f"""('{MASK_BEGINS}' || left(encode({outer}, 'hex'), 20)) COLLATE "C\""""


def _hidden(column: str) -> str:
    return f"CASE WHEN {column} IS NOT NULL THEN '{HIDDEN}' END"


# The stored hash, so that a customer is found by an index. Postgres leaves the join out where nobody asks for the id.
_STORED = "m.mask"
_JOIN = " LEFT JOIN customer_masks AS m ON m.customer_id = t.customer_id"
#: What stands in each view in place of a column, and the columns that are shown as they are.
REPLACED: Mapping[str, Mapping[str, str]] = {
    "customers": {"customer_id": _STORED},
    "transactions": {"customer_id": _STORED, "transaction_id": _hash("t.transaction_id")},
    "segment_changes": {"customer_id": _STORED, "transaction_id": _hash("t.transaction_id")},
    "risk_states": {"customer_id": _STORED},
    "risk_changes": {"customer_id": _STORED, "transaction_id": _hash("t.transaction_id")},
    "dead_letters": {
        "reason": f"'{HIDDEN}'::text",
        "key": "NULL::bytea",
        "value": "NULL::bytea",
        "discarded_by": _hidden("t.discarded_by"),
        "discarded_why": _hidden("t.discarded_why"),
    },
    "stream_progress": {"failure": _hidden("t.failure")},
    "campaign_members": {"customer_id": _STORED},
}
SHOWN: Mapping[str, tuple[str, ...]] = {
    "customers": (
        *("partition", "country", "first_purchase_at", "last_purchase_at", "last_event_at", "frequency", "gross"),
        *("returned", "segment", "segment_since", "sequence", "model_version", "next_change_at", "next_segment"),
    ),
    "transactions": ("occurred_at", "kind", "amount", "country", "revision"),
    "segment_changes": (
        *("sequence", "partition", "position", "from_segment", "to_segment", "cause", "effective_at"),
        *("recency_days", "frequency", "monetary", "gross", "returned", "model_version"),
    ),
    "risk_states": ("partition", "state", "since", "sequence", "next_at", "rhythm_version"),
    "risk_changes": (
        *("sequence", "partition", "position", "from_state", "to_state", "cause", "effective_at", "frequency"),
        *("last_purchase_at", "next_state", "next_at", "rhythm_version"),
    ),
    "dead_letters": ("log_id", "partition", "offset", "published", "retried_at", "at", "discarded_at"),
    "stream_progress": (
        *("partition", "log_id", "next_offset", "event_time", "epoch", "owner", "change_position"),
        *("published_position", "committed_at", "transactions", "duplicates", "late", "dead_letters"),
        *("model_version", "model_since", "changes_ahead", "failures", "failing_since", "forgotten", "revisions"),
        *("began_without_model", "schema_version", "risk_position", "risk_published_position", "risk_changes_ahead"),
    ),
    "campaign_members": ("campaign", "number", "held_out", "segment"),
}
#: The numbers of an erasure, without whom it was about.
SHOWN_ERASURES = ("partition", "transactions", "changes", "risk_changes", "erased_at")
#: The columns of a campaign without its key: with it, somebody could test whether a given id is held out.
SHOWN_CAMPAIGNS = (
    *("name", "holdout", "horizon_days", "started_at", "treated", "held_out", "base_share", "published"),
)
#: Columns that no view has: they are made from the bytes of one record, or serve the worker alone.
LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    "stream_progress": ("control_number", "last_offset", "last_timestamp", "last_checksum"),
}
#: Tables that have no id and no text from a record: the role reads them themselves.
UNMASKED = (
    *(
        "models",
        "model_aliases",
        "model_reigns",
        "model_activations",
        "stream_currency",
        "log_faults",
        "schema_versions",
    ),
    *("replay_control", "drift_observations", "drift_alarms", "audiences"),
)


def _query(table: str) -> str:
    columns = [f'{expression} AS "{name}"' for name, expression in REPLACED[table].items()]
    columns += [f't."{name}"' for name in SHOWN[table]]
    join = _JOIN if _STORED in REPLACED[table].values() else ""
    return f"SELECT {', '.join(columns)} FROM {table} AS t{join}"  # noqa: S608 - only constants


VIEWS = ViewSchema(
    SCHEMA, {table: _query(table) for table in REPLACED}, "Segue, without customers' ids: docs/security.md", False
)
RIGHTS: Mapping[str, str] = {
    **dict.fromkeys((f"{SCHEMA}.{name}" for name in VIEWS.views), "SELECT"),
    **dict.fromkeys(UNMASKED, "SELECT"),
    "erasures": reads(SHOWN_ERASURES),
    "campaigns": reads(SHOWN_CAMPAIGNS),
}

_BEGIN = f"SELECT set_config('search_path', '{SCHEMA}, ' || current_setting('search_path'), false)"
# Any table of one of these names that the user can read, whatever schema it is in.
_WITH_IDS = ", ".join(f"'{name}'" for name in (*REPLACED, "customer_masks", "mask_key"))
_CAN_SEE = f"""
SELECT coalesce(bool_or(has_any_column_privilege(c.oid, 'SELECT')), false) FROM pg_catalog.pg_class AS c
WHERE c.relkind IN ('r', 'p') AND c.relname IN ({_WITH_IDS})
"""  # noqa: S608 - only constants


def begin_session(connection: Any) -> None:
    """Let a new connection of the driver read the masked views in place of the tables.

    Raises
    ------
    UnmaskedError
        If its user could read ids all the same.
    """
    cursor = connection.cursor()
    cursor.execute(_CAN_SEE)
    [can_see] = cursor.fetchone()
    if can_see:
        connection.rollback()
        raise UnmaskedError(
            "the user of the masked views can read customers' ids: "
            "give the database URL of a member of segue_masked, such as segue_masked_login",
            Hint.SET_THE_MASKED_URL,
        )
    cursor.execute(_BEGIN)
    cursor.close()
    connection.commit()
