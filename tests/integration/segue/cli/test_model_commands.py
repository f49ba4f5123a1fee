"""``segue models`` on the command line: what it refuses, prints and writes."""

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
from sqlalchemy import insert, text

from batch.export import write_model
from data.postgres import model_registry
from data.postgres.database import engine
from data.postgres.tables import stream_currency
from models.segment_model import SegmentModel, from_json, to_json
from tests.support.builders import random_model
from tests.support.commands import Done, in_process
from tests.support.dataset_tables import fill
from tests.support.generated_tables import a_model
from tests.support.retail import retail

GOOD: dict[str, Any] = json.loads(to_json(a_model()))


Segue = Callable[..., Done]


@pytest.fixture
def segue(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Segue:
    """Run the command line in this process, which is faster than starting a new one."""
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    return in_process


def spec(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def with_centroid(*centroid: Any) -> bytes:
    segments = [GOOD["segments"][0] | {"centroid": list(centroid)}, *GOOD["segments"][1:]]
    return spec(segments=segments)


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "truncated"),
    "truncated": (spec()[: len(spec()) // 2], "truncated"),
    "something else": (b'{"a": 1}', "missing required field"),
    "a list": (b"[]", "Expected `object`, got `array`"),
    "wrong schema": (spec(means="4.0"), "$.means"),
    "two coordinates": (with_centroid(0.0, 1.0), "$.segments[0].centroid"),
    "NaN centroid": (with_centroid(0.0, float("nan"), 1.0), "NaN or Infinity where a finite number belongs"),
    "infinite centroid": (with_centroid(0.0, float("inf"), 1.0), "NaN or Infinity where a finite number belongs"),
    "null centroid": (with_centroid(0.0, None, 1.0), "Expected `float`, got `null`"),
    "huge centroid": (with_centroid(0.0, 12345.678, 1.0).replace(b"12345.678", b"1e999"), "out of range"),
    "unknown transform": (spec(transform="sqrt"), "$.transform"),
    "unknown monetary": (spec(monetary="profit"), "$.monetary"),
    "scale of nothing": (spec(scales=[1.0, 0.0, 1.0]), "scales must be greater than 0"),
    "edited": (spec(means=[4.5, 1.0, 6.0]), "was it edited?"),
    "not text": (b'{"version": "\xff\xfe"}', "not a segment model"),
    "deep": (b'{"metadata":' + b"[" * 100_000, "not a segment model"),
    "a pickle": (pickle.dumps(GOOD), "is a pickle; Segue loads nothing but the JSON"),
    "an old pickle": (pickle.dumps(GOOD, protocol=0), "not a segment model"),
    "a zip": (b"PK\x03\x04rest", "is a skops or zip file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_model_file_is_refused_with_one_line(segue: Segue, tmp_path: Path, name: str) -> None:
    content, reason = BAD[name]
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    done = segue("models", "import", str(path))
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: bad.json: ")
    assert reason in line


def test_a_pickle_is_never_loaded(segue: Segue, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "exploded",)

    writers: tuple[Callable[[Path], object], ...] = (
        lambda path: path.write_bytes(pickle.dumps(Bomb())),
        lambda path: joblib.dump(Bomb(), path, compress=3),
    )
    for write in writers:
        write(tmp_path / "bomb.joblib")
        done = segue("models", "import", str(tmp_path / "bomb.joblib"))
        assert done.returncode == 1
        assert "pickle" in done.stderr
    assert not (tmp_path / "exploded").exists()


def test_an_exported_model_can_be_imported_unchanged(segue: Segue, tmp_path: Path, migrated_url: str) -> None:
    model = random_model("identity", 4, seed=2)
    write_model(model, tmp_path / "model.json", "json")
    assert "Registered as" in segue("models", "import", str(tmp_path / "model.json")).stderr
    again = segue("models", "import", str(tmp_path / "model.json")).stderr
    assert f"{model.version} was registered already; it is the champion." in " ".join(again.split())
    assert segue("models", "export", "-o", str(tmp_path / "again.json")).returncode == 0
    assert from_json((tmp_path / "again.json").read_bytes()) == model
    refused = segue("models", "export", "-o", str(tmp_path / "again.json"))
    assert refused.returncode == 1
    assert "use --force" in refused.stderr
    for form in ("skops", "joblib"):
        out = tmp_path / f"model.{form}"
        assert segue("models", "export", "champion", "--format", form, "-o", str(out)).returncode == 0
        assert out.stat().st_size > 1_000
    assert json.loads(segue("models", "show", "--json").stdout) == json.loads(to_json(model))
    with engine(migrated_url).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM models")).scalar_one() == 1


def test_the_list_shows_versions_and_aliases(segue: Segue, migrated_url: str) -> None:
    postgres = engine(migrated_url)
    models = [random_model("log1p", k, seed=k) for k in (3, 4)]
    for model in models:
        model_registry.register(postgres, model)
    listed = json.loads(segue("models", "list", "--json").stdout)
    assert [(entry["version"], entry["aliases"]) for entry in listed] == [
        (models[0].version, ["champion"]),
        (models[1].version, ["challenger"]),
    ]
    assert all(model.version in segue("models", "list").stdout for model in models)
    assert "is registered; see `segue models list`" in segue("models", "show", "k7").stderr


def test_comparing_shows_who_would_move(segue: Segue, migrated_url: str) -> None:
    postgres = engine(migrated_url)
    before, after = a_model(), random_model("log1p", 4, seed=1)
    for model in (before, after):
        model_registry.register(postgres, model)
    fill(postgres, retail().transactions.head(3_000), before, retail().report.first)
    found = json.loads(segue("models", "compare", "--json").stdout)
    assert (found["before"], found["after"]) == (before.version, after.version)
    assert found["moving"] == len(found["movers"]) > 0
    assert found["customers"] == sum(sum(row.values()) for row in found["matrix"].values())
    printed = segue("models", "compare", "--limit", "2").stdout
    assert f"{found['moving']:,} of {found['customers']:,} customers would move" in printed
    assert [found["movers"][rank]["customer_id"] in printed for rank in (0, 1, 2)] == [True, True, False]
    assert "£" in printed


def test_comparing_shows_spend_in_the_currency_of_the_stream(segue: Segue, migrated_url: str) -> None:
    postgres = engine(migrated_url)
    before, after = a_model(), random_model("log1p", 4, seed=1)
    for model in (before, after):
        model_registry.register(postgres, model)
    fill(postgres, retail().transactions.head(3_000), before, retail().report.first)
    with postgres.begin() as connection:
        connection.execute(insert(stream_currency).values(currency="EUR"))
    printed = segue("models", "compare", "--limit", "2").stdout
    assert "€" in printed
    assert "£" not in printed


def test_before_any_worker_has_started_activating_only_moves_the_alias(segue: Segue, migrated_url: str) -> None:
    postgres = engine(migrated_url)
    models: list[SegmentModel] = [random_model("log1p", k, seed=k) for k in (3, 4)]
    for model in models:
        model_registry.register(postgres, model)
    done = segue("models", "activate", "challenger")
    assert done.returncode == 0, done.stderr
    assert "No worker has started yet" in done.stderr
    assert model_registry.champion_version(postgres) == models[1].version


def test_a_model_that_is_too_large_is_refused_and_a_stored_one_is_listed(
    segue: Segue, migrated_url: str, tmp_path: Path
) -> None:
    many = [GOOD["segments"][0] | {"id": f"s{number}"} for number in range(100_000)]
    deep = json.dumps(GOOD | {"metadata": 0}).replace('"metadata": 0', '"metadata": ' + '{"a":' * 977 + "1" + "}" * 977)
    for content, reason in (
        (json.dumps(GOOD | {"segments": many[:20_000]}), "at most 100 segments"),
        (json.dumps(GOOD | {"segments": many}), "too large|at most 100 segments"),
        (deep, "levels|recursion"),
    ):
        (tmp_path / "model.json").write_text(content)
        done = segue("models", "import", str(tmp_path / "model.json"))
        assert done.returncode == 1
        assert re.search(reason, done.stderr)
        assert "Traceback" not in done.stderr
    with engine(migrated_url).begin() as connection:
        row = {"version": GOOD["version"], "spec": deep}
        connection.execute(text("INSERT INTO models (version, spec) VALUES (:version, (:spec)::jsonb)"), row)
    assert GOOD["version"] in segue("models", "list").stdout
    assert json.loads(segue("models", "list", "--json").stdout)[0]["version"] == GOOD["version"]
