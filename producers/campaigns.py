"""Starting a campaign from a list of customers: draw the holdout, store it, and write it to its topic.

This is the one way to start a campaign, wherever the customers come from.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from data.kafka.log import Log, LogError, check_reachable, create_topics
from data.kafka.record_writer import WriteError
from data.postgres import campaigns
from data.postgres.campaigns import Campaign
from data.postgres.progress import watermark
from producers.campaign_topic import CampaignTopic
from producers.log_session import LogConfig
from runtime.counts import many
from runtime.errors import Hint, NotFoundError, SegueError

MOST_DAYS = 730
MOST_CUSTOMERS = 500_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class CampaignError(SegueError):
    """The campaign can't be started; the message says why."""


class CampaignConfig(LogConfig, Protocol):
    """What starting a campaign connects to; ``exactly_once`` is False for a broker without Kafka transactions."""

    @property
    def exactly_once(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """What is asked for.

    Attributes
    ----------
    customers
        Ids, in any order; one that comes twice counts once.
    horizon_days
        Days of event time over which orders count, from 1 to :data:`MOST_DAYS`.
    holdout
        The share to hold out, from 0.01 to 0.99.
    skip_unknown
        Whether to leave out ids that no customer of the stream has. Otherwise they are an error.
    """

    name: str
    customers: Sequence[str]
    horizon_days: int
    holdout: float
    skip_unknown: bool = False


def checked(new: NewCampaign) -> NewCampaign:
    """What is asked for, with each customer once.

    Raises
    ------
    CampaignError
        If it can't be a campaign.
    """
    if _NAME.fullmatch(new.name) is None:
        raise CampaignError(
            f"{new.name[:70]!r} can't be a campaign's name: use up to 64 small letters, digits, dots, dashes and "
            "underscores"
        )
    if not 1 <= new.horizon_days <= MOST_DAYS:
        raise CampaignError(f"a horizon has 1 to {MOST_DAYS} whole days, not {new.horizon_days}")
    if not 0.01 <= new.holdout <= 0.99:
        raise CampaignError(f"a holdout is 1% to 99% of the customers, not {new.holdout:.4g} of them")
    customers = [*dict.fromkeys(new.customers)]
    if not customers:
        raise CampaignError("the list has no customer")
    if len(customers) > MOST_CUSTOMERS:
        raise CampaignError(f"a campaign has at most {MOST_CUSTOMERS:,} customers, not {len(customers):,}")
    return NewCampaign(new.name, customers, new.horizon_days, new.holdout, new.skip_unknown)


def start(config: CampaignConfig, postgres: Engine, new: NewCampaign) -> Campaign:
    """Start a campaign at the stream's event time, and write who is treated and who is held out to its topic.

    Raises
    ------
    CampaignError
        If it can't be a campaign, the name is taken, an id is unknown, a group would have fewer than two customers, or
        the stream has no event time.
        It is raised, too, if the campaign is stored and could not be written: :func:`publish` writes it later.
    LogError
        If no broker answers; then nothing is stored.
    """
    wanted = checked(new)
    # A broker that is not there is noticed before anything is stored.
    topic = open_topic(config)
    try:
        # An erasure meanwhile waits, and then finds the membership.
        with campaigns.only_writer(postgres), postgres.begin() as connection:
            stored = _store(connection, wanted)
    except IntegrityError as error:
        # Somebody else has stored a campaign of this name meanwhile.
        raise _taken(wanted.name) from error
    try:
        return _publish(topic, postgres, stored)
    except (WriteError, LogError) as error:
        raise CampaignError(
            f"the campaign {wanted.name!r} is stored, but not in its topic ({error})", Hint.PUBLISH_CAMPAIGN
        ) from error


def publish(config: CampaignConfig, postgres: Engine, name: str) -> Campaign:
    """Write the assignments of a stored campaign to the topic, unless it has them.

    Raises
    ------
    NotFoundError
        If there is no such campaign.
    WriteError
        If the broker refuses a record or does not answer.
    """
    with postgres.connect() as connection:
        found = campaigns.find(connection, name)
    if found is None:
        raise NotFoundError(f"there is no campaign {name!r}", Hint.LIST_CAMPAIGNS)
    return found if found.published else _publish(open_topic(config), postgres, found)


def forget(config: CampaignConfig, postgres: Engine, customer_id: str) -> None:
    """Delete the memberships of a forgotten customer, and write their tombstones if there has ever been a campaign.

    The database deletes memberships with the customer. It has none to delete if a campaign was being started then.
    """
    with campaigns.only_writer(postgres):
        campaigns.delete_member(postgres, customer_id)
        names = campaigns.names(postgres)
        if names:
            open_topic(config).forget(names, customer_id)


def open_topic(config: CampaignConfig) -> CampaignTopic:
    """The topic, created if Segue creates topics.

    Raises
    ------
    LogError
        If no broker answers, or the topic is missing.
    """
    topics = config.topics
    check_reachable(config.brokers)
    if config.partitions:
        create_topics(config.brokers, topics.configuration, config.partitions, topics.durability.replicas)
    log = Log(config.brokers, topics.campaigns)
    try:
        partitions = log.identity(config.log_id).partitions
    finally:
        log.close()
    return CampaignTopic(config.brokers, topics.campaigns, partitions, config.exactly_once)


def _publish(topic: CampaignTopic, postgres: Engine, campaign: Campaign) -> Campaign:
    with campaigns.only_writer(postgres):
        with postgres.connect() as connection:
            members = campaigns.members(connection, campaign.name)
        topic.write(campaign, members)
        campaigns.mark_published(postgres, campaign.name)
    return replace(campaign, published=True)


def _store(connection: Connection, wanted: NewCampaign) -> Campaign:
    taken = campaigns.find(connection, wanted.name)
    if taken is not None:
        raise _taken(wanted.name, taken.published)
    now = watermark(connection)
    if now is None:
        raise CampaignError(
            "the stream has no event time yet, so a campaign can't start: let something be streamed first"
        )
    known = campaigns.segments(connection, wanted.customers)
    unknown = [customer for customer in wanted.customers if customer not in known]
    if unknown and not wanted.skip_unknown:
        of_all = f"of {many(len(wanted.customers), 'id')}"
        found = many(len(unknown), f"{of_all} is not a customer", f"{of_all} are not customers")
        raise CampaignError(
            f"{found} of the stream, such as {unknown[0]!r}: correct the list",
            Hint.SKIP_UNKNOWN,
        )
    if not known:
        raise CampaignError("none of the ids is a customer of the stream")
    usual = campaigns.usual_share(connection, [*known], now, wanted.horizon_days)
    new = Campaign(wanted.name, wanted.holdout, wanted.horizon_days, now, 0, 0, usual, False)
    stored = campaigns.create(connection, new, {each: known[each] for each in wanted.customers if each in known})
    if min(stored.treated, stored.held_out) < 2:
        raise CampaignError(
            f"of {many(len(known), 'customer')} {stored.held_out:,} would be held out and {stored.treated:,} treated: "
            "two of each are the least that can be compared; use a longer list or another share"
        )
    return stored


def _taken(name: str, published: bool = True) -> CampaignError:
    if published:
        return CampaignError(f"there is a campaign {name!r} already: choose another name")
    return CampaignError(f"the campaign {name!r} is stored, but its topic does not have it yet", Hint.PUBLISH_CAMPAIGN)
