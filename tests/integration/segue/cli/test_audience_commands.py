"""`segue audience`: saved, listed, counted, shown, exported and deleted; wrong arguments are one line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from data.postgres import audit
from tests.support.commands import Done, in_process
from tests.support.documented import block, segue_commands
from tests.support.generated_tables import a_model, a_stream, store
from tests.support.rhythm import store_predictions

Run = Callable[..., Done]
COUNTED = "SELECT customer_id FROM customers WHERE segment = 'champions' AND gross - returned >= 100 ORDER BY 1"


@pytest.fixture
def segue(postgres: Engine, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a database that holds a stream, whose champion carries predictions."""
    store(postgres, a_model(), a_stream(a_model()))
    store_predictions(postgres)
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: in_process("audience", *arguments)


@pytest.fixture
def saved(segue: Run) -> Run:
    """The same with an audience."""
    done = segue("save", "VIPs", "--segment", "Champions", "--spend-at-least", "100")
    assert done.returncode == 0, done.stderr
    return segue


def rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def test_saving_prints_the_definition_and_how_many_are_in_it(segue: Run, postgres: Engine) -> None:
    done = segue("save", "VIPs", "--segment", "champions", "--spend-at-least", "100")
    with postgres.connect() as connection:
        number = len(connection.execute(text(COUNTED)).all())
    assert done.returncode == 0
    assert "VIPs: segment = champions and net_spend >= 100" in done.stderr
    assert f"{number} customers are in it now." in done.stderr
    [act] = audit.acts(postgres, 10)
    assert (act.act, act.object, act.outcome) == ("audience save", "VIPs", "done")
    assert act.detail == {"definition": "segment = champions and net_spend >= 100"}


def test_options_and_text_say_the_same(segue: Run) -> None:
    options = ("--segment", "Lost", "--segment", "Champions", "--risk", "Overdue", "--moved-from", "champions")
    assert segue("save", "A", *options, "--since", "400d", "--recency-at-least", "10").returncode == 0
    text_ = "segment = lost, champions and risk = overdue and recency_days >= 10 and moved_from = Champions"
    assert segue("save", "B", "--where", f"{text_} and since = 400d").returncode == 0
    first, second = json.loads(segue("list", "--json").stdout)
    assert first["definition"] == second["definition"]
    assert first["customers"] == second["customers"] > 0


def test_the_commands_of_the_page_run_in_their_order(segue: Run) -> None:
    Path("crm.csv").write_text("customer_id,email\n10001,ann@example.com\n")
    for arguments in segue_commands(block("docs/audiences.md", "audience save", "console")):
        done = segue(*arguments[1:])
        assert done.returncode == 0, done.stderr
    heads = Path("out.csv").read_text(encoding="utf-8-sig").splitlines()[0].split(",")
    assert {"customer_id", "segment_since", "email"} <= {*heads}


def test_the_list_counts_and_the_count_is_a_number(saved: Run, postgres: Engine) -> None:
    with postgres.connect() as connection:
        number = len(connection.execute(text(COUNTED)).all())
    assert saved("count", "VIPs").stdout.strip() == str(number)
    listed = saved("list").stdout
    assert "VIPs" in listed
    assert str(number) in listed
    shown = json.loads(saved("show", "VIPs", "--json").stdout)
    assert shown["customers"] == number
    assert shown["at_stake"] > 0
    assert shown["as_of"] == "2011-06-15T09:30:00+00:00"
    assert "net spend" in saved("show", "VIPs").stdout


def test_an_export_has_one_row_a_customer(saved: Run, postgres: Engine) -> None:
    done = saved("export", "VIPs", "out.csv")
    assert done.returncode == 0, done.stderr
    with postgres.connect() as connection:
        meant = list(connection.execute(text(COUNTED)).scalars())
    found = rows("out.csv")
    assert [row["customer_id"] for row in found] == meant
    assert {row["segment"] for row in found} == {"champions"}
    assert {row["as_of"] for row in found} == {"2011-06-15T09:30:00Z"}
    assert f"{len(meant)} customers of VIPs as of 2011-06-15 09:30 UTC are in out.csv" in done.stderr
    act = audit.acts(postgres, 1)[0]
    assert (act.act, act.detail) == ("audience export", {"use": "systems", "joined": False, "rows": len(meant)})


def test_a_file_is_joined_and_what_does_not_fit_is_counted(saved: Run, postgres: Engine) -> None:
    with postgres.connect() as connection:
        first, *others = connection.execute(text(COUNTED)).scalars()
    Path("crm.csv").write_text(f"customer_id;name;country\n{first};Ann;FR\n99;Bob;DE\n")
    done = saved("export", "VIPs", "out.csv", "--join", "crm.csv", "--for", "spreadsheets")
    assert done.returncode == 0, done.stderr
    assert f"1 of them is in crm.csv and {len(others)} are not; 1 of its rows matches no customer" in done.stderr
    assert "begin with `file_`: country" in done.stderr
    found = [*csv.DictReader(Path("out.csv").read_text(encoding="utf-8-sig").splitlines())]
    assert (found[0]["name"], found[0]["file_country"]) == ("Ann", "FR")
    assert {row["name"] for row in found[1:]} == {""}
    with postgres.connect() as connection:
        everything = connection.execute(text("SELECT string_agg(a::text, '') FROM audit a")).scalar_one()
    assert "Ann" not in everything
    assert first not in everything


def test_a_file_that_is_refused_leaves_the_old_export_as_it_was(saved: Run) -> None:
    Path("out.csv").write_text("old")
    Path("crm.csv").write_text("customer_id,name\n1.7E+10,Ann\n")
    done = saved("export", "VIPs", "out.csv", "--join", "crm.csv", "--force")
    assert (done.returncode, Path("out.csv").read_text()) == (1, "old")
    assert "a spreadsheet has shortened" in done.stderr
    assert saved("export", "VIPs", "out.csv").stderr == "error: out.csv exists; choose another name, or use --force\n"


def test_a_deleted_audience_is_gone(saved: Run, postgres: Engine) -> None:
    assert saved("delete", "VIPs").returncode == 0
    assert "There is no audience yet" in saved("list").stderr
    assert [act.act for act in audit.acts(postgres, 10)] == ["audience delete", "audience save"]


def test_a_name_is_only_given_to_another_definition_by_force(saved: Run) -> None:
    done = saved("save", "VIPs", "--segment", "Lost")
    assert done.returncode == 1
    assert "there is an audience VIPs already (segment = champions and net_spend >= 100)" in done.stderr
    assert saved("save", "VIPs", "--segment", "Lost", "--force").returncode == 0
    assert saved("save", "VIPs", "--segment", "Lost").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["save", "VIPs"], "say who is in it"),
        (["save", "a/b", "--segment", "Lost"], "a name has 1 to 64 letters"),
        (["save", "A", "--segment", "Nobody"], "no model has a segment `Nobody`; the segments are "),
        (["save", "A", "--risk", "late"], "`risk` is one of on_rhythm, due, overdue, presumed_lost, not `late`"),
        (["save", "A", "--spend-at-least", "much"], "`net_spend` is an amount such as 500 or 12.50, not `much`"),
        (["save", "A", "--since", "30d"], "add moved_from or moved_to"),
        (["save", "A", "--where", "x"], "expected a filter"),
        (["save", "A", "--where", "everyone", "--risk", "due"], "give the filters in --where, or as options"),
        (["count", "Nobody"], "there is no audience 'Nobody'; see `segue audience list`"),
        (["show", "Nobody"], "there is no audience 'Nobody'"),
        (["delete", "Nobody"], "there is no audience 'Nobody'"),
        (["export", "Nobody", "out.csv"], "there is no audience 'Nobody'"),
        (["export", "VIPs", "out.txt"], "the name must end with .csv"),
        (["export", "VIPs", "none/out.csv"], "is not a folder"),
        (["export", "VIPs", "out.csv", "--join", "none.csv"], "can't read none.csv: No such file"),
        (["export", "VIPs", "out.csv", "--join-by", "phone"], "add --join FILE"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(saved: Run, arguments: list[str], said: str) -> None:
    done = saved(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("out.csv").exists()


def test_a_country_where_nobody_is_gets_a_hint(segue: Run) -> None:
    done = segue("save", "A", "--country", "Frence")
    assert done.returncode == 0
    assert "No customer is in Frence; there are France, Germany, United Kingdom" in done.stderr
