"""Encodes who is treated and who is held out as events."""

from datetime import datetime

import msgspec

from data.contract.events import Assignment, CampaignAssigned

_encode = msgspec.json.Encoder().encode


def assignment_key(campaign: str, customer_id: str) -> bytes:
    """The key of an assignment's record, of which the topic keeps the latest; a campaign's name has no colon."""
    return f"{campaign}:{customer_id}".encode()


def assignment_event(
    campaign: str, customer_id: str, *, held_out: bool, segment: str | None, started_at: datetime, ends_at: datetime
) -> bytes:
    """The event of one assignment."""
    data = Assignment(campaign, customer_id, "held_out" if held_out else "treated", segment, started_at, ends_at)
    return _encode(CampaignAssigned(id=f"{campaign}:{customer_id}", subject=customer_id, time=started_at, data=data))
