"""A campaign in the middle of a replay: its topic has every assignment once, and a forgotten customer leaves it."""

import json
from collections import Counter
from pathlib import Path

import msgspec
import pandas as pd
from jsonschema import Draft202012Validator, FormatChecker

from data.contract import schema_files
from data.contract.campaign_events import CampaignAssigned
from data.kafka.partitioner import partition_of
from data.kafka.read_to_end import read_topic
from models.segment_model import SegmentModel
from producers.replay import split, whole
from tests.support.commands import segue, tried
from tests.support.local_stack import local
from tests.support.retail import small


def test_a_campaign_from_its_list_to_its_sentence(tmp_path: Path, model: SegmentModel) -> None:
    dataset = small()
    everything = whole(dataset)
    middle = (everything.event_start + everything.event_end) // 2
    history, future = split(everything, dataset, middle)
    with local(tmp_path, model) as running:
        running.replay(dataset, history)
        ids = sorted({*dataset.transactions["customer_id"]})
        customers = tmp_path / "list.txt"
        customers.write_text("\n".join(ids))
        start = ("campaign", "start", "spring", "--from", str(customers), "--holdout", "40%", "--skip-unknown")
        segue(tmp_path, *start)
        assert "choose another name" in tried(tmp_path, *start).stderr

        found = list(read_topic(running.settings.brokers, running.settings.campaigns_topic, "test"))
        events = [msgspec.json.decode(message.value() or b"", type=CampaignAssigned) for message in found]
        assert {message.key() for message in found} == {event.id.encode() for event in events}
        assert len(found) == len({event.id for event in events})
        partitions = running.replaying.identity.partitions
        assert [message.partition() for message in found] == [partition_of(e.subject, partitions) for e in events]
        groups = {event.data.customer_id: event.data.group for event in events}
        assert set(groups) <= {*ids}
        schema = Draft202012Validator(
            json.loads(schema_files.read("campaign-assigned")), format_checker=FormatChecker()
        )
        schema.validate(json.loads(found[0].value() or b""))
        [listed] = json.loads(segue(tmp_path, "campaign", "list", "--json"))
        assert Counter(groups.values()) == {"treated": listed["treated"], "held_out": listed["held_out"]}
        assert {event.data.started_at.isoformat() for event in events} == {listed["started_at"]}

        running.replay(dataset, future)
        out = tmp_path / "spring.csv"
        segue(tmp_path, "campaign", "export", "spring", str(out))
        exported = pd.read_csv(out, dtype=str).set_index("customer_id")
        assert exported["group"].to_dict() == groups
        facts = json.loads(segue(tmp_path, "campaign", "show", "spring", "--json"))
        assert facts["days"] == 30
        since, until = (pd.Timestamp(facts[name]) for name in ("started_at", "ends_at"))
        rows = dataset.transactions
        inside = rows[(rows["occurred_at"] > since) & (rows["occurred_at"] <= until) & (rows["kind"] == "sale")]
        for group in ("treated", "held_out"):
            members = {customer for customer, own in groups.items() if own == group}
            own = inside[inside["customer_id"].isin(members)]
            assert facts["groups"][group]["buyers"] == own["customer_id"].nunique()
            assert facts["groups"][group]["orders"] == len(own)
        assert segue(tmp_path, "campaign", "show", "spring") == segue(tmp_path, "campaign", "show", "spring")

        gone = next(iter(groups))
        segue(tmp_path, "forget", gone, "--yes")
        values = [
            message.value()
            for message in read_topic(running.settings.brokers, running.settings.campaigns_topic, "test")
            if message.key() == f"spring:{gone}".encode()
        ]
        assert len(values) == 2
        assert values[-1] is None
        assert json.loads(segue(tmp_path, "campaign", "show", "spring", "--json"))["forgotten"] == 1
