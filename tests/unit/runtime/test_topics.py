"""How the topics that Segue creates keep records."""

from datetime import timedelta
from itertools import combinations

import pytest
from pydantic import ValidationError

from runtime.settings import Settings, bad_setting
from runtime.topics import Durability, Topics

TOPIC_SETTINGS = sorted(name for name in Settings.model_fields if name.endswith("_topic"))
NAMES = ("log", "changes", "segments", "dead", "drift")


def test_records_are_kept_indefinitely_and_copied_as_the_broker_decides_by_default() -> None:
    found = Topics(*NAMES).configuration
    assert {name: found[name].get("retention.ms") for name in NAMES if name != "segments"} == {
        "log": "-1",
        "changes": "-1",
        "dead": "-1",
        "drift": "-1",
    }
    assert found["segments"] == {"cleanup.policy": "compact"}
    assert not any("min.insync.replicas" in each for each in found.values())


def test_every_retention_is_that_of_its_topics_and_the_compacted_one_has_none() -> None:
    days = timedelta(days=1)
    found = Topics(*NAMES, Durability(3, 2, 300 * days, 200 * days, 100 * days)).configuration
    kept = {name: int(found[name].get("retention.ms", -1)) / 86_400_000 for name in NAMES if name != "segments"}
    assert kept == {"log": 300, "changes": 200, "drift": 200, "dead": 100}
    risk = found[Topics(*NAMES).risk_changes]
    assert (risk["cleanup.policy"], int(risk["retention.ms"]) / 86_400_000) == ("delete", 200)
    assert "retention.ms" not in found["segments"]
    assert {each["min.insync.replicas"] for each in found.values()} == {"2"}


@pytest.mark.parametrize(("first", "second"), list(combinations(TOPIC_SETTINGS, 2)))
def test_two_settings_that_name_the_same_topic_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    monkeypatch.setenv(f"SEGUE_{first.upper()}", str(Settings.model_fields[second].default))
    with pytest.raises(ValidationError) as caught:
        Settings()
    said = bad_setting(caught.value)
    assert f"SEGUE_{first.upper()}" in said
    assert f"SEGUE_{second.upper()}" in said
    assert said.endswith(f" name the same topic, {Settings.model_fields[second].default}")
    assert "\n" not in said


def test_more_confirmations_than_copies_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_REPLICATION_FACTOR", "1")
    monkeypatch.setenv("SEGUE_MIN_INSYNC_REPLICAS", "2")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert bad_setting(caught.value).startswith("SEGUE_MIN_INSYNC_REPLICAS (2) is more than SEGUE_REPLICATION_FACTOR")
