"""Who is held out of a running campaign: a webhook can leave their changes out."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Engine

from data.postgres import campaigns
from data.postgres.campaigns import Holdout
from services.webhooks.kinds import AnyChange, Kind
from services.webhooks.reader import ChangeRecord


class HeldOut:
    """Asks Postgres whose changes are to be left out, once for all records that are read together."""

    def __init__(self, postgres: Engine) -> None:
        self._postgres = postgres

    def among(self, records: Sequence[ChangeRecord], kind: Kind) -> list[bool]:
        """Whether each record is a change of a kind that took effect while its customer was held out of a campaign.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError
            If Postgres does not answer: then it is not known, and nothing may be sent.
        """
        changes = [_change(record, kind) for record in records]
        customers = sorted({change.customer_id for change in changes if change is not None})
        with self._postgres.connect() as connection:
            found = campaigns.holdouts(connection, customers)
        return [change is not None and _is_within(change, found.get(change.customer_id, ())) for change in changes]


def _change(record: ChangeRecord, kind: Kind) -> AnyChange | None:
    try:
        return kind.read(record.event)
    except msgspec.MsgspecError:
        return None


def _is_within(change: AnyChange, holdouts: Sequence[Holdout]) -> bool:
    at: datetime = change.effective_at
    return any(each.started_at <= at < each.ends_at for each in holdouts)
