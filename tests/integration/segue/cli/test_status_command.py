"""``segue status`` shows that a restored Postgres is catching up with the change topic."""

import json
import sys
from pathlib import Path

import psycopg
import pytest

from segue.cli import main

CATCHING_UP = (
    "partition 1 is catching up with what was published: the change topic has 1,234 changes that Postgres does not have"
)


def test_a_partition_that_is_behind_the_change_topic_is_shown(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    with psycopg.connect(migrated_url) as connection:
        connection.execute(
            "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, changes_ahead) "
            "VALUES (0, 'log', 0, 1, 'me', 0), (1, 'log', 0, 1, 'me', 1234)"
        )

    def status(*options: str) -> str:
        monkeypatch.setattr(sys, "argv", ["segue", "status", *options])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 1
        printed = capsys.readouterr()
        return printed.out if "--json" in options else printed.out + printed.err

    text = status()
    assert CATCHING_UP in text
    assert "partition 0 is catching up" not in text
    assert [row["changes_ahead"] for row in json.loads(status("--json"))["partitions"]] == [0, 1234]
