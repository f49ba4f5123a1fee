"""Who is treated and who is held out in a campaign, as events."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from data.contract.wire import Identifier

CAMPAIGNS_SOURCE = "/segue/campaigns"
_encode = msgspec.json.Encoder().encode

CampaignName = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)", description="The campaign's name, which never changes.")
]


class Assignment(Struct, frozen=True):
    """The group of one customer in one campaign. It never changes."""

    campaign: CampaignName
    customer_id: Annotated[Identifier, Meta(description="The customer, as in the record's key.")]
    group: Annotated[
        Literal["treated", "held_out"],
        Meta(description="Whom the campaign is for: leave held-out customers alone until `ends_at`."),
    ]
    segment: Annotated[
        str | None, Meta(description="The id of the customer's segment at the start; null without a segment.")
    ]
    started_at: Annotated[datetime, Meta(tz=True, description="The start, in event time. What happened later counts.")]
    ends_at: Annotated[datetime, Meta(tz=True, description="The end of the horizon, in event time.")]


class CampaignAssigned(Struct, frozen=True, kw_only=True):
    """The envelope of an assignment."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["segue.campaign.assigned.v1"] = "segue.campaign.assigned.v1"
    source: str = CAMPAIGNS_SOURCE
    id: Annotated[str, Meta(description="`CAMPAIGN:CUSTOMER`. An assignment that is written again has the same id.")]
    subject: Annotated[Identifier, Meta(description="The customer.")]
    time: Annotated[datetime, Meta(tz=True, description="The start of the campaign, in event time.")]
    datacontenttype: Literal["application/json"] = "application/json"
    data: Assignment


def assignment_key(campaign: str, customer_id: str) -> bytes:
    """The key of an assignment's record, of which the topic keeps the latest; a campaign's name has no colon."""
    return f"{campaign}:{customer_id}".encode()


def assignment_event(
    campaign: str, customer_id: str, *, held_out: bool, segment: str | None, started_at: datetime, ends_at: datetime
) -> bytes:
    """The event of one assignment."""
    data = Assignment(campaign, customer_id, "held_out" if held_out else "treated", segment, started_at, ends_at)
    return _encode(CampaignAssigned(id=f"{campaign}:{customer_id}", subject=customer_id, time=started_at, data=data))
