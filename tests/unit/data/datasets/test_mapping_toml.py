"""A mapping goes to TOML and back, settings win, and a mistake is one line that names its key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.cells import DataError
from data.datasets.mapping import Customers, MappedColumns, MappedMoney, Mapping, NotSales, Returns, Rows, Time
from data.datasets.mapping_checks import FORMATS
from data.datasets.mapping_toml import from_toml, to_toml, with_settings
from data.datasets.presets import NAMES, preset

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LISTS = st.lists(TEXTS, max_size=3).map(tuple)
NAMES_OF_COLUMNS = st.lists(TEXTS, min_size=16, max_size=16)


def columns(names: list[str], only_amounts: bool) -> MappedColumns:
    made = MappedColumns(*names)
    without = ("quantity", "price") if only_amounts else ("amount",)
    return MappedColumns(**{field: name for field, name in made.named().items() if field not in without})


MAPPINGS = st.builds(
    Mapping,
    preset=st.sampled_from(["", *NAMES]),
    columns=st.builds(columns, NAMES_OF_COLUMNS, st.booleans()),
    time=st.builds(
        Time,
        format=st.sampled_from(["", *FORMATS, "%d.%m.%Y %H:%M"]),
        day_first=st.sampled_from([None, True, False]),
        zone=st.sampled_from(["", "UTC", "Europe/Berlin"]),
    ),
    money=st.builds(
        MappedMoney,
        decimal=st.sampled_from(["", ".", ","]),
        currency=st.sampled_from(["", "EUR", "JPY"]),
        amount_of=st.sampled_from(["", "row", "invoice"]),
    ),
    customers=st.builds(Customers, none=LISTS, real=LISTS, scientific=st.sampled_from(["refuse", "accept"])),
    returns=st.builds(Returns, negative=st.booleans(), prefix=TEXTS, kinds=LISTS),
    not_sales=st.builds(NotSales, LISTS, LISTS, LISTS, LISTS, LISTS),
    rows=st.builds(Rows, repeat_blank=st.booleans(), sheet=TEXTS, separator=st.sampled_from(["", ";", "\t"])),
)


@given(MAPPINGS)
def test_a_mapping_that_is_written_and_read_again_is_the_same(mapping: Mapping) -> None:
    assert from_toml(to_toml(mapping), "shop.toml") == mapping


@pytest.mark.parametrize("name", NAMES)
def test_a_mapping_says_only_what_its_preset_does_not(name: str) -> None:
    assert to_toml(preset(name)) == f'preset = "{name}"\n'


def test_a_key_of_the_mapping_wins_over_its_preset() -> None:
    mapping = from_toml('preset = "online-retail"\n[returns]\nnegative = false\n', "shop.toml")
    assert mapping.returns == Returns(negative=False, prefix="C")
    assert mapping.not_sales.transaction_prefixes == ("A",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[columns", "shop.toml: not valid TOML"),
        ('[columns]\ntims = "Datum"', r"shop.toml: columns.tims: there is no such key$"),
        ('[colums]\ntime = "Datum"', r"shop.toml: colums: there is no such key$"),
        ('[time]\nday_first = "yes"', r"shop.toml: time.day_first: write true or false$"),
        ("[columns]\ntime = 3", r"shop.toml: columns.time: write a text in quotes"),
        ('[customers]\nnone = "nan"', r"shop.toml: customers.none: write a list of texts"),
        ('columns = "all"', r"shop.toml: columns: write a table with keys$"),
        ('[money]\ndecimal = ";"', r"shop.toml: money.decimal: "),
        ('[time]\nzone = "Europe/Atlantis"', r"shop.toml: time.zone: there is no time zone 'Europe/Atlantis'"),
        ('[time]\nzone = "../etc"', r"shop.toml: time.zone: there is no time zone '../etc'"),
        ('[money]\ncurrency = "Euro"', r"shop.toml: money.currency: there is no currency 'Euro'; write three capital"),
        ('[money]\ncurrency = "eur"', r"shop.toml: money.currency: there is no currency 'eur'"),
        ('[time]\nformat = "dd.mm.yyyy"', r"shop.toml: time.format: 'dd.mm.yyyy' is none of iso, "),
        ('[time]\nformat = "%Q"', r"shop.toml: time.format: '%Q' is not a valid format$"),
        ('[time]\nformat = "%H:%M"', r"shop.toml: time.format: '%H:%M' lacks the year, the month or the day$"),
        ('[rows]\nseparator = ";;"', r"shop.toml: rows.separator: ';;' is not one character"),
        ('[rows]\nsheet = "a"\nsheets = ["b"]', r"shop.toml: rows.sheet excludes rows.sheets"),
        (
            '[columns]\namount = "a"\nprice = "b"',
            r"shop.toml: columns.amount stands alone, or beside both columns.qu",
        ),
        ('preset = "shopware"', r"shop.toml: preset: there is no preset 'shopware'; there are online-retail, "),
    ],
)
def test_a_mistake_in_a_mapping_is_one_line_that_names_the_key(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        from_toml(text, "shop.toml")
    assert len(str(error.value).splitlines()) == 1


def test_every_key_is_described() -> None:
    page = (Path(__file__).parents[4] / "docs" / "files.md").read_text()
    tables = {name: getattr(Mapping(), name) for name in Mapping.__struct_fields__ if name != "preset"}
    missing = [
        f"{name}.{key}"
        for name, table in tables.items()
        for key in table.__struct_fields__
        if f"`{name}.{key}`" not in page
    ]
    assert not missing
    assert not [name for name in (*NAMES, *FORMATS) if f"`{name}`" not in page]


@given(st.text(max_size=60))
def test_any_text_is_a_mapping_or_one_line_of_an_error(text: str) -> None:
    message = ""
    try:
        from_toml(text, "shop.toml")
    except DataError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("time.day_first=true", Mapping(time=Time(day_first=True))),
        ("time.zone=Europe/Berlin", Mapping(time=Time(zone="Europe/Berlin"))),
        ("columns.time=Date of order", Mapping(columns=MappedColumns(time="Date of order"))),
        ('columns.time="Date"', Mapping(columns=MappedColumns(time="Date"))),
        ("columns.time=2010", Mapping(columns=MappedColumns(time="2010"))),
        ("columns.time=a=b", Mapping(columns=MappedColumns(time="a=b"))),
        ("money.amount_of=invoice", Mapping(money=MappedMoney(amount_of="invoice"))),
        ("money.decimal=,", Mapping(money=MappedMoney(decimal=","))),
        ('customers.real=["None", "NA"]', Mapping(customers=Customers(real=("None", "NA")))),
        ("customers.real=None", Mapping(customers=Customers(real=("None",)))),
        ('rows.separator="\\t"', Mapping(rows=Rows(separator="\t"))),
        (" time.day_first =false", Mapping(time=Time(day_first=False))),
    ],
)
def test_a_setting_sets_one_key(setting: str, expected: Mapping) -> None:
    assert with_settings(Mapping(), [setting]) == expected


def test_a_later_setting_wins_and_other_keys_stay() -> None:
    mapping = with_settings(preset("shopify"), ["time.day_first=true", "time.day_first=false"])
    assert mapping.time.day_first is False
    assert mapping.rows == preset("shopify").rows


def test_a_preset_can_be_set_and_keeps_what_the_mapping_says_itself() -> None:
    mapping = with_settings(Mapping(columns=MappedColumns(time="Datum")), ["preset=square"])
    assert (mapping.preset, mapping.returns.kinds, mapping.columns.time) == ("square", ("refund",), "Datum")


def test_setting_an_amount_takes_quantity_and_price_away() -> None:
    lines = Mapping(columns=MappedColumns(quantity="Menge", price="Preis"))
    assert with_settings(lines, ["columns.amount=Summe"]).columns == MappedColumns(amount="Summe")
    orders = Mapping(columns=MappedColumns(amount="Summe"))
    both = with_settings(orders, ["columns.quantity=Menge", "columns.price=Preis"])
    assert both.columns == MappedColumns(quantity="Menge", price="Preis")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("time.day_first", r"--set time.day_first: write KEY=VALUE, such as time.day_first=true$"),
        ("=true", "write KEY=VALUE"),
        ("a.b.c=1", "write KEY=VALUE"),
        ("time.day_first=yes", r"^--set time.day_first=yes: time.day_first: write true or false$"),
        ("time.dayfirst=true", r"^--set time.dayfirst=true: time.dayfirst: there is no such key$"),
        ("preset.x=1", "preset: write a text"),
        ("columns=x", "write a table with keys"),
        ("preset=shopware", "there is no preset 'shopware'"),
        ("money.currency=Euro", "there is no currency 'Euro'"),
        ("customers.none=nan", None),
    ],
)
def test_a_setting_that_is_not_valid_is_named(setting: str, message: str | None) -> None:
    with pytest.raises(DataError, match=message) as error:
        with_settings(Mapping(), [setting])
    assert len(str(error.value).splitlines()) == 1


@given(st.text(max_size=40))
def test_any_setting_is_accepted_or_one_line_of_an_error(setting: str) -> None:
    message = ""
    try:
        with_settings(Mapping(), [setting])
    except DataError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1


def test_an_amount_and_a_price_without_a_quantity_cannot_be_set() -> None:
    with pytest.raises(DataError, match=r"columns.amount stands alone, or beside both"):
        with_settings(Mapping(), ["columns.amount=a", "columns.price=b"])
