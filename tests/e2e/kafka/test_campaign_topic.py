"""The assignments of a campaign are written all or none, and once, whatever happens in between."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer

from data.kafka.log import create_topics
from data.kafka.read_to_end import read_topic
from data.kafka.record_writer import producer_config
from data.postgres.campaigns import Campaign, CampaignMember
from producers.campaign_topic import CampaignTopic
from runtime.settings import Settings
from segue.local.stack import Stack

CAMPAIGN = Campaign("spring", 0.1, 30, datetime(2011, 3, 1, tzinfo=UTC), 180, 20, None, published=False)
MEMBERS = [CampaignMember(f"c{number}", number % 10 == 0, "champions") for number in range(200)]
WANTED = sorted(f"spring:{member.customer_id}" for member in MEMBERS)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A broker with Kafka transactions, and the topics."""
    folder = tmp_path_factory.mktemp("apache")
    with Stack(folder, "apache"):
        found = Settings(state_dir=folder)
        create_topics(found.brokers, found.topics.configuration, found.partitions)
        yield found


def topic_of(settings: Settings) -> CampaignTopic:
    return CampaignTopic(settings.brokers, settings.campaigns_topic, settings.partitions, transactional=True)


def keys(settings: Settings, campaign: str) -> list[str]:
    """The keys of a campaign's committed records, with repeats."""
    found = (message.key() for message in read_topic(settings.brokers, settings.campaigns_topic, "test"))
    return sorted(key.decode() for key in found if isinstance(key, bytes) and key.startswith(f"{campaign}:".encode()))


def test_what_a_writer_left_open_is_aborted_and_everything_is_written_once(settings: Settings) -> None:
    own = {"transactional.id": f"{settings.campaigns_topic}-spring"}
    died = Producer(producer_config(settings.brokers) | own)
    died.init_transactions(30)
    died.begin_transaction()
    for member in MEMBERS[:50]:
        died.produce(settings.campaigns_topic, b"{}", f"spring:{member.customer_id}".encode(), 0)
    died.flush(30)
    assert topic_of(settings).write(CAMPAIGN, MEMBERS)
    assert keys(settings, "spring") == WANTED
    # It was written, and Postgres did not get to know: writing again finds it.
    assert not topic_of(settings).write(CAMPAIGN, MEMBERS)
    assert keys(settings, "spring") == WANTED


def test_a_campaign_whose_name_begins_another_name_is_not_taken_for_it(settings: Settings) -> None:
    longer = Campaign("spring-2", 0.1, 30, CAMPAIGN.started_at, 180, 20, None, published=False)
    assert topic_of(settings).write(longer, MEMBERS)
    assert len(keys(settings, "spring-2")) == len(MEMBERS)
