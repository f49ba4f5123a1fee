"""No argument ends in a traceback: the same bad values where a database is, but no broker."""

from pathlib import Path

import pytest

from data.postgres import model_registry
from data.postgres.database import engine
from tests.support.bad_arguments import QUICK, cases_of, judged, write_files
from tests.support.generated_tables import a_model

# They look at files before they look at the database; the unit test tries them.
_OF_FILES = {"segue data describe", "segue data generate", "segue explore", "segue fit", "segue score", "segue replay"}
_WAITS_FOR_A_BROKER = {
    *("segue dlq retry", "segue publish-snapshot", "segue drift watch", "segue webhooks run"),
    *("segue api", "segue clock"),
}


@pytest.mark.parametrize("command", sorted(set(QUICK) - _OF_FILES - _WAITS_FOR_A_BROKER))
def test_bad_values_are_refused_in_one_line(
    command: str, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = engine(migrated_url)
    model_registry.register(connected, a_model())
    connected.dispose()
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path / ".segue"))
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    problems = [problem for case in cases_of(command) if (problem := judged(case)) is not None]
    assert not problems, f"{len(problems)}:\n" + "\n".join(problems)
