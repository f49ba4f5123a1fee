"""``segue campaign`` on the command line: what it refuses, prints and writes."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, delete, update

from data.postgres.tables import campaigns, customers
from tests.support.campaigns import set_event_time, store_campaign
from tests.support.commands import Done, in_process
from tests.support.generated_tables import a_model, a_stream, insert_rows

Segue = Callable[..., Done]


@pytest.fixture
def filled(postgres: Engine) -> Engine:
    """A migrated database with the customers 10000 to 10119."""
    insert_rows(postgres, a_model(), a_stream(a_model()))
    return postgres


@pytest.fixture
def segue(filled: Engine, migrated_url: str, broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Segue:
    """Run the command line in this process, on a database and a broker."""
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", broker)
    monkeypatch.setenv("SEGUE_PARTITIONS", "0")
    monkeypatch.setenv("SEGUE_LOG_ID", "log")
    monkeypatch.setenv("SEGUE_EXACTLY_ONCE", "false")
    return in_process


@pytest.fixture
def everybody(tmp_path: Path) -> Path:
    """A list of all customers."""
    file = tmp_path / "everybody.csv"
    file.write_text("customer_id\n" + "".join(f"{number}\n" for number in range(10_000, 10_120)))
    return file


def test_start_says_the_sizes_and_how_to_get_the_list(segue: Segue, everybody: Path) -> None:
    done = segue("campaign", "start", "spring", "--from", str(everybody), "--horizon", "14d", "--holdout", "40%")
    assert done.returncode == 0, done.stderr
    assert "starts at event time 2011-06-15 09:30 and ends at 2011-06-29 09:30" in done.stderr
    assert "segue campaign export spring spring.csv" in done.stderr
    [listed] = json.loads(segue("campaign", "list", "--json").stdout)
    assert listed["treated"] + listed["held_out"] == 120
    assert (listed["horizon_days"], listed["holdout"], listed["published"]) == (14, 0.4, True)


def test_every_customer_in_an_audience_is_in_its_campaign(segue: Segue) -> None:
    assert segue("audience", "save", "Old friends", "--frequency-at-least", "3").returncode == 0
    number = int(segue("audience", "count", "Old friends").stdout)
    done = segue("campaign", "start", "spring", "--audience", "Old friends", "--holdout", "40%")
    assert done.returncode == 0, done.stderr
    [listed] = json.loads(segue("campaign", "list", "--json").stdout)
    assert 4 < listed["treated"] + listed["held_out"] == number < 120


@pytest.mark.parametrize("more", [(), ("--from", "list.csv", "--audience", "Old friends")])
def test_the_customers_come_from_one_place(segue: Segue, more: tuple[str, ...]) -> None:
    done = segue("campaign", "start", "spring", *more)
    assert done.returncode == 1
    assert "either --from FILE or --audience NAME" in done.stderr


def test_an_audience_that_there_is_not_is_one_line(segue: Segue) -> None:
    done = segue("campaign", "start", "spring", "--audience", "Nobody")
    assert done.returncode == 1
    assert "there is no audience 'Nobody'" in done.stderr


BAD: dict[str, tuple[str, list[str], str]] = {
    "an empty list": ("", [], "the list has no customer"),
    "unknown ids": ("10000\n1\n2\n", [], "2 of 3 ids are not customers of the stream, such as '1'"),
    "nobody known": ("1\n2\n", ["--skip-unknown"], "none of the ids is a customer of the stream"),
    "too few": ("10000\n10001\n", [], "two of each are the least that can be compared"),
    "no holdout": ("10000\n", ["--holdout", "0%"], "a holdout is 1% to 99%"),
    "everybody held out": ("10000\n", ["--holdout", "100%"], "a holdout is 1% to 99%"),
    "no share": ("10000\n", ["--holdout", "some"], "give a share such as 10% or 0.1"),
    "half a day": ("10000\n", ["--horizon", "12h"], "give whole days, such as 30d"),
    "too long": ("10000\n", ["--horizon", "9999d"], "a horizon has 1 to 730 whole days"),
    "no duration": ("10000\n", ["--horizon", "soon"], "a number with s, m, h or d"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_useless_campaign_is_refused_in_one_line_and_nothing_is_stored(
    segue: Segue, tmp_path: Path, kind: str
) -> None:
    text, options, reason = BAD[kind]
    file = tmp_path / "list.txt"
    file.write_text(text)
    done = segue("campaign", "start", "spring", "--from", str(file), *options)
    assert done.returncode != 0
    assert reason in " ".join(done.stderr.split())
    assert json.loads(segue("campaign", "list", "--json").stdout) == []


@pytest.mark.parametrize("name", ["", "Spring", "a:b", "ä", "-x", "x" * 65, "a b"])
def test_a_name_that_could_be_confused_is_refused(segue: Segue, everybody: Path, name: str) -> None:
    done = segue("campaign", "start", "--from", str(everybody), "--", name)
    assert done.returncode == 1
    assert "can't be a campaign's name" in done.stderr


def test_unknown_ids_can_be_left_out_and_are_counted(segue: Segue, everybody: Path) -> None:
    with everybody.open("a") as file:
        file.write("1\n1\n2\n10000\n")
    done = segue("campaign", "start", "spring", "--from", str(everybody), "--holdout", "0.5", "--skip-unknown")
    assert done.returncode == 0, done.stderr
    assert "2 ids are not customers of the stream and were left out" in done.stderr


def test_a_name_is_taken_and_an_interrupted_start_says_what_to_do(
    segue: Segue, everybody: Path, filled: Engine
) -> None:
    store_campaign(filled, "spring")
    again = ("campaign", "start", "spring", "--from", str(everybody))
    assert "there is a campaign 'spring' already: choose another name" in segue(*again).stderr
    with filled.begin() as connection:
        connection.execute(update(campaigns).values(published=False))
    assert "segue campaign publish" in segue(*again).stderr
    assert "segue campaign publish" in segue("campaign", "list").stdout
    assert segue("campaign", "publish", "spring").returncode == 0
    assert "day 20 of 30" in segue("campaign", "list").stdout


def test_without_event_time_nothing_starts(segue: Segue, everybody: Path, filled: Engine) -> None:
    set_event_time(filled, None)
    done = segue("campaign", "start", "spring", "--from", str(everybody))
    assert done.returncode == 1
    assert "no event time yet" in done.stderr


def test_show_has_the_sentence_and_counts_who_was_forgotten(segue: Segue, filled: Engine) -> None:
    store_campaign(filled, "spring")
    with filled.begin() as connection:
        connection.execute(delete(customers).where(customers.c.customer_id == "10007"))
    done = segue("campaign", "show", "spring")
    assert done.returncode == 0, done.stderr
    assert "have bought" in done.stdout
    assert "Forgotten since the start: 1 of its customers" in done.stderr
    facts = json.loads(segue("campaign", "show", "spring", "--json").stdout)
    assert (facts["days"], facts["forgotten"], facts["verdict"]) == (20, 1, "too_early")
    assert facts["groups"]["treated"]["customers"] + facts["groups"]["held_out"]["customers"] == 119


@pytest.mark.parametrize("command", ["show", "publish"])
def test_an_unknown_campaign_is_named(segue: Segue, command: str) -> None:
    done = segue("campaign", command, "autumn")
    assert done.returncode == 1
    assert "there is no campaign 'autumn'; see `segue campaign list`" in done.stderr


def test_the_file_has_every_customer_with_the_group(segue: Segue, filled: Engine, tmp_path: Path) -> None:
    stored = store_campaign(filled, "spring")
    out = tmp_path / "spring.csv"
    assert segue("campaign", "export", "spring", str(out)).returncode == 0
    rows = pd.read_csv(out, dtype=str)
    assert [*rows.columns] == ["customer_id", "group", "segment_at_start", "orders", "net_spend"]
    assert rows["group"].value_counts().to_dict() == {"treated": stored.treated, "held_out": stored.held_out}
    assert "exists" in segue("campaign", "export", "spring", str(out)).stderr
    assert segue("campaign", "export", "spring", str(out), "--force").returncode == 0
