"""``segue fit`` and ``segue score`` without a stack: an analyst needs a file, and no database."""

import csv
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from data.datasets import synthetic
from models.rhythm.carried import rhythm_of
from models.segment_model import from_json
from segue.cli.app import app

pytestmark = pytest.mark.slow

CLIMBING = 2


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "shop.csv"
    synthetic.write(synthetic.generate(customers=80, days=90, seed=2), path)
    return path


def segue(*arguments: object, folder: Path, **variables: str) -> Result:
    environment = {"SEGUE_STATE_DIR": str(folder / ".segue"), "SEGUE_DATABASE_URL": None} | variables
    return CliRunner().invoke(app, [str(each) for each in arguments], env=environment)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_fit_without_a_stack_writes_the_model_and_every_customer_and_says_what_is_next(
    shop: Path, tmp_path: Path
) -> None:
    model, out, again = tmp_path / "model.json", tmp_path / "out.csv", tmp_path / "again.csv"
    done = segue("fit", shop, "-o", model, "--assign", out, folder=tmp_path)
    assert done.exit_code == 0, done.output
    assert "Not registered: no stack is running in" in done.stderr
    assert f"segue models import {model}" in done.stderr
    fitted = from_json(model.read_bytes())
    assigned = rows(out)
    assert {row["segment"] for row in assigned} <= set(fitted.index)
    assert len({row["customer"] for row in assigned}) == len(assigned) == fitted.metadata["customers"]
    scored = segue("score", shop, "--model", model, "-o", again, folder=tmp_path)
    assert scored.exit_code == 0, scored.output
    assert rows(again) == assigned
    assert not (tmp_path / ".segue").exists()


def test_a_fit_says_which_moves_go_the_wrong_way_and_rank_order_ends_the_climbs(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    synthetic.write(synthetic.generate(customers=300, days=400, seed=CLIMBING), path)
    plain = segue("fit", path, "--k", "7", "--recency-unit", "1", "--no-rank-order", folder=tmp_path)
    assert plain.exit_code == 0, plain.output
    [climbs] = re.findall(r"moves by time alone ([\d.]+)% climb", plain.stderr)
    assert float(climbs) > 1
    assert "--rank-order rules that out" in plain.stderr
    ordered = segue("fit", path, "--k", "7", "--recency-unit", "1", "--rank-order", folder=tmp_path)
    assert ordered.exit_code == 0, ordered.output
    assert "moves by time alone 0.0% climb" in ordered.stderr
    assert "--rank-order" not in ordered.stderr


@pytest.mark.parametrize(
    ("options", "unit", "is_in_rank_order"),
    [
        ([], 90.0, True),
        (["--recency-unit", "1", "--no-rank-order"], 1.0, False),
        (["--recency-unit", "14.5"], 14.5, True),
        (["--preset", "classic"], 1.0, False),
        (["--preset", "classic", "--rank-order"], 1.0, True),
    ],
)
def test_a_fit_counts_recency_in_units_of_90_days_and_in_rank_order_unless_an_option_or_the_preset_says_otherwise(
    options: list[str], unit: float, is_in_rank_order: bool, shop: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model.json"
    done = segue("fit", shop, *options, "-o", out, folder=tmp_path)
    assert done.exit_code == 0, done.output
    model = from_json(out.read_bytes())
    assert (model.recency_unit, model.metadata["rank_order"]) == (unit, is_in_rank_order)


@pytest.mark.parametrize("unit", ["0", "-1", "100001", "nan", "week"])
def test_a_recency_unit_out_of_range_is_refused_in_one_line(unit: str, shop: Path, tmp_path: Path) -> None:
    done = segue("fit", shop, "--recency-unit", unit, folder=tmp_path)
    assert done.exit_code != 0
    assert "recency" in done.stderr
    assert "Traceback" not in done.output


def test_a_fit_with_a_window_counts_its_orders_and_scores_customers_without_one_as_inactive(
    shop: Path, tmp_path: Path
) -> None:
    model, out, again = tmp_path / "model.json", tmp_path / "out.csv", tmp_path / "again.csv"
    done = segue("fit", shop, "--window", "30d", "--k", "3", "-o", model, "--assign", out, folder=tmp_path)
    assert done.exit_code == 0, done.output
    assert "orders and money in the last 30 days" in " ".join(done.stdout.split())
    fitted, assigned = from_json(model.read_bytes()), rows(out)
    assert fitted.window_days == 30
    assert [segment.id for segment in fitted.segments][-1] == "inactive"
    inactive = [row for row in assigned if row["segment"] == "inactive"]
    assert inactive == [row for row in assigned if row["frequency"] == "0"]
    assert inactive == [row for row in assigned if int(row["recency_days"]) >= 30]
    assert {row["window_days"] for row in assigned} == {"30"}
    assert fitted.metadata["sizes"]["inactive"] == len(inactive) > 0
    assert "inactive" not in fitted.metadata["typical"]
    scored = segue("score", shop, "--model", model, "-o", again, folder=tmp_path)
    assert scored.exit_code == 0, scored.output
    assert rows(again) == assigned


@pytest.mark.parametrize("window", ["0d", "-1d", "36501d", "12h", "365", "year"])
def test_a_window_that_is_not_some_whole_days_is_refused_in_one_line(window: str, shop: Path, tmp_path: Path) -> None:
    done = segue("fit", shop, "--window", window, folder=tmp_path)
    assert done.exit_code != 0
    assert "window" in done.stderr
    assert "Traceback" not in done.output


def test_the_classic_preset_refuses_a_window(shop: Path, tmp_path: Path) -> None:
    done = segue("fit", shop, "--preset", "classic", "--window", "30d", folder=tmp_path)
    assert done.exit_code == 1
    assert "leave out --window" in " ".join(done.stderr.split())


def test_scoring_as_of_a_moment_counts_nothing_after_it(shop: Path, tmp_path: Path) -> None:
    model, out = tmp_path / "model.json", tmp_path / "out.csv"
    assert segue("fit", shop, "-o", model, folder=tmp_path).exit_code == 0
    as_of = "2010-01-15 00:00:00+00:00"
    done = segue("score", shop, "--model", model, "--as-of", as_of, "-o", out, folder=tmp_path)
    assert done.exit_code == 0, done.output
    assert rows(out)
    assert max(row["last_purchase_at"] for row in rows(out)) < as_of.replace(" ", "T")


@pytest.mark.parametrize("command", ["fit", "score"])
def test_outputs_are_looked_at_before_the_file_is_read(command: str, shop: Path, tmp_path: Path) -> None:
    unreadable = tmp_path / "shop.csv"
    unreadable.write_text("not a dataset")
    option = "--assign" if command == "fit" else "-o"
    done = segue(command, unreadable, option, tmp_path / "none" / "out.csv", folder=tmp_path)
    assert done.exit_code == 1
    assert "is not a folder: create it first" in f"{done.output}{done.exception}"


def test_a_database_that_does_not_answer_is_noticed_before_the_file_is_read(tmp_path: Path) -> None:
    unreadable = tmp_path / "shop.csv"
    unreadable.write_text("not a dataset")
    url = "postgresql://segue@127.0.0.1:1/segue"
    done = segue("fit", unreadable, folder=tmp_path, SEGUE_DATABASE_URL=url)
    assert "Connection refused" in str(done.exception)


def test_register_without_a_database_is_an_error(shop: Path, tmp_path: Path) -> None:
    done = segue("fit", shop, "--register", folder=tmp_path)
    assert done.exit_code == 1
    assert "SEGUE_DATABASE_URL is not set" in str(done.exception)


def test_scoring_without_a_model_names_the_way_to_one(shop: Path, tmp_path: Path) -> None:
    done = segue("score", shop, folder=tmp_path)
    assert done.exit_code == 1
    assert "name a JSON file that `segue fit -o` has written" in " ".join(done.output.split())


def test_a_fit_carries_predictions_and_says_how_good_they_were(tmp_path: Path) -> None:
    path, model, again = tmp_path / "shop.csv", tmp_path / "model.json", tmp_path / "again.json"
    synthetic.write(synthetic.generate(customers=300, days=500, seed=2), path)
    done = segue("fit", path, "-o", model, folder=tmp_path)
    assert done.exit_code == 0, done.output
    rhythm = rhythm_of(from_json(model.read_bytes()))
    assert rhythm is not None
    quarter = rhythm.metadata["last_quarter"]
    said = (
        f"fitted on {rhythm.metadata['customers']} customers. A model that knew nothing of the last 90 days predicted "
        f"{quarter['predicted']:,.0f} of {quarter['customers']} customers to order in them; {quarter['ordered']} did."
    )
    assert said in done.stderr
    assert "The data has no such season a year before" in done.stderr
    assert segue("fit", path, "-o", again, folder=tmp_path).exit_code == 0
    assert again.read_bytes() == model.read_bytes()


def test_a_shop_that_is_too_young_for_predictions_gets_segments_all_the_same(shop: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.json"
    done = segue("fit", shop, "-o", model, folder=tmp_path)
    assert done.exit_code == 0, done.output
    assert re.search(r"No predictions of orders: the orders cover \d+ days, and predictions need 180\.", done.stderr)
    assert rhythm_of(from_json(model.read_bytes())) is None
