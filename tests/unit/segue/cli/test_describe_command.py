"""``segue data describe``: how files are understood, as a table and as JSON, and the mapping that it saves."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from segue.cli.app import app
from tests.support.shop_files import ORDERS, line, write

ORDER_LINES = ("1;a;13.03.2024;1.005,00", "2;b;14.03.2024;2,50")
KEYS = [
    *("rows", "exports", "guest_rows", "guest_invoices", "not_sale_rows", "overlap_rows", "overlap_invoices"),
    *("rejected_rows", "lines", "transactions", "sales", "returns", "customers", "first", "last", "gross", "returned"),
    *("currency", "preset", "notes", "columns"),
]


def describe(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", "describe", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    return write(tmp_path, *ORDER_LINES, header=ORDERS.replace(",", ";"))


def test_the_table_names_preset_convention_and_cells_before_and_after(orders: Path) -> None:
    shown = describe(orders).stdout
    for text in ("shop.csv, read as orders", "order_date", "dots, day first", "13.03.2024", "2024-03-13", "1005.00"):
        assert text in shown


def test_json_has_the_same_keys_for_every_file(orders: Path, tmp_path: Path) -> None:
    for path in (orders, write(tmp_path, line("1"), name="lines.csv")):
        found = json.loads(describe(path, "--json").stdout)
        assert sorted(found) == sorted(KEYS)
        assert set(found["columns"][0]) == {"name", "column", "convention", "before", "after"}
    assert (found["gross"], found["first"], found["preset"]) == ("5.00", "2024-03-01 10:00:00+00:00", "online-retail")


def test_a_saved_mapping_reads_the_file_the_same_way(orders: Path, tmp_path: Path) -> None:
    saved = tmp_path / "shop.toml"
    assert describe(orders, "--save-mapping", saved).exit_code == 0
    with_mapping, without = (json.loads(describe(orders, "--json", *how).stdout) for how in (["--mapping", saved], []))
    assert with_mapping["gross"] == without["gross"] == "1007.50"


def test_a_mapping_is_not_overwritten_unless_forced(orders: Path, tmp_path: Path) -> None:
    saved = tmp_path / "shop.toml"
    saved.write_text("mine")
    with pytest.raises(Exception, match="exists"):
        describe(orders, "--save-mapping", saved)
    assert saved.read_text() == "mine"
    assert describe(orders, "--save-mapping", saved, "--force").exit_code == 0
    assert saved.read_text().startswith("preset = ")


def test_rejects_need_skip_and_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, line("1"), line("2", quantity="x"))
    assert describe(path, "--rejects", tmp_path / "rejects.csv").exit_code == 1
    found = describe(path, "--on-error", "skip", "--rejects", tmp_path / "rejects.csv", "--json")
    assert json.loads(found.stdout)["rejected_rows"] == 1
    assert "1 row can't be used and was set aside." in found.stderr
    assert (tmp_path / "rejects.csv").read_text().count("\n") == 2


def test_several_files_are_one_dataset(tmp_path: Path) -> None:
    first, second = (write(tmp_path, line(number), name=f"{number}.csv") for number in "12")
    assert json.loads(describe(first, second, "--json").stdout)["transactions"] == 2
    assert json.loads(describe(tmp_path / "*.csv", "--json").stdout)["exports"] == 2


@pytest.mark.parametrize("mapping", ["no such file", "not toml ["])
def test_a_mapping_that_can_not_be_read_is_refused(tmp_path: Path, mapping: str) -> None:
    path = tmp_path / "shop.toml"
    if mapping != "no such file":
        path.write_text(mapping)
    found = CliRunner().invoke(app, ["data", "describe", str(write(tmp_path, line("1"))), "--mapping", str(path)])
    assert found.exit_code != 0
    assert "shop.toml" in " ".join(found.stderr.split()) + str(found.exception)
