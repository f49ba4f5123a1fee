"""Profiles as CSV: they get segments, and errors name line and column."""

import re
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.pipeline import sklearn_pipeline
from dashboard.shared import downloads
from dashboard.simulator import uploads
from dashboard.simulator.uploads import COLUMNS, UploadError
from models.decay import HORIZON_DAYS
from models.segment_model import build
from models.trailing_window import with_window
from runtime.spreadsheets import DANGEROUS
from tests.support.examples import examples
from tests.support.generated_tables import a_model

HEADER = ",".join(COLUMNS)
MODEL = a_model()
GROSS = build("gross", MODEL.transform, MODEL.means, MODEL.scales, MODEL.segments)

_ids = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=64)
_profiles = st.lists(
    st.tuples(
        _ids,
        st.integers(0, HORIZON_DAYS),
        st.integers(1, 1_000_000),
        st.integers(-(10**12), 10**12).map(lambda units: units / 10_000),
    ),
    min_size=1,
    max_size=30,
).map(lambda rows: pd.DataFrame(rows, columns=[*COLUMNS]))


@given(_profiles)
@settings(max_examples=examples(25))
def test_what_is_written_as_csv_is_read_back_exactly(profiles: pd.DataFrame) -> None:
    back = uploads.read(profiles.to_csv(index=False).encode(), MODEL, "GBP")
    assert back.to_dict("list") == profiles.to_dict("list")


@given(_profiles, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.permutations([*COLUMNS]))
@settings(max_examples=examples(25))
def test_line_ends_a_byte_order_mark_and_the_order_of_columns_do_not_matter(
    profiles: pd.DataFrame, line_end: str, marked: bool, order: list[str]
) -> None:
    text = profiles[order].to_csv(index=False, lineterminator=line_end)
    back = uploads.read(text.encode("utf-8-sig" if marked else "utf-8"), MODEL, "GBP")
    assert back.to_dict("list") == profiles.to_dict("list")


@given(_profiles)
@settings(max_examples=examples(25))
def test_the_download_holds_every_profile_and_no_formula(profiles: pd.DataFrame) -> None:
    written = downloads.as_csv(uploads.segmented(MODEL, profiles))
    back = pd.read_csv(BytesIO(written), dtype={"customer_id": str}, keep_default_na=False)
    assert [cell.removeprefix("'") for cell in back["customer_id"]] == [
        cell.removeprefix("'") for cell in profiles["customer_id"]
    ]
    assert not back["customer_id"].str.startswith(DANGEROUS).any()
    for column in COLUMNS[1:]:
        assert back[column].tolist() == profiles[column].tolist()


def test_segments_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    rows = (rng.integers(0, 900, 5_000), rng.integers(1, 90, 5_000), rng.normal(800, 1_500, 5_000).round(4))
    profiles = pd.DataFrame({"customer_id": [*map(str, range(5_000))], **dict(zip(COLUMNS[1:], rows, strict=True))})
    points = np.column_stack(rows)
    points[:, 2] = points[:, 2].clip(min=0)
    expected = [MODEL.segments[number].id for number in sklearn_pipeline(MODEL).predict(points)]
    assert uploads.segmented(MODEL, profiles)["segment"].tolist() == expected


def test_the_template_can_be_sent_back_as_it_is() -> None:
    found = uploads.segmented(MODEL, uploads.read(uploads.TEMPLATE.encode(), MODEL, "GBP"))
    assert found["persona"].tolist() == ["Champions", "Lost"]
    assert found["next_change_in_days"].isna().tolist() == [False, True]
    assert found["next_segment"].tolist() == ["regulars", ""]
    days = int(found["next_change_in_days"].iloc[0])
    later = uploads.TEMPLATE.replace("12345,3,", f"12345,{3 + days},")
    day_before = uploads.TEMPLATE.replace("12345,3,", f"12345,{2 + days},")
    personas = [
        uploads.segmented(MODEL, uploads.read(t.encode(), MODEL, "GBP"))["segment"].iloc[0] for t in (day_before, later)
    ]
    assert personas == ["champions", "regulars"]


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        (",3,1,1", 2, "column customer_id is empty"),
        ("1,3,1,1\n   ,3,1,1", 3, "column customer_id is empty"),
        (f"{'9' * 65},3,1,1", 2, "column customer_id has more than 64 characters"),
        ("1,3,1,1\n\n2,x,1,1", 4, "column recency_days: must be a whole number from 0 to 100,000"),
        ("1,-1,1,1", 2, "column recency_days"),
        ("1,1.5,1,1", 2, "column recency_days"),
        ("1,100001,1,1", 2, "column recency_days"),
        ("1,99999999999999999999999,1,1", 2, "column recency_days"),
        ("1,1,0,1", 2, "column frequency: must be a whole number from 1 to 1,000,000"),
        ("1,1,,1", 2, "column frequency: must be a whole number from 1 to 1,000,000, written like 1234; it is empty"),
        ("1,1,1,£5", 2, "column monetary: must be a number from -1,000,000,000 to 1,000,000,000"),
        ("1,1,1,nan", 2, "it is “nan”"),
        ("1,1,1,inf", 2, "it is “inf”"),
        ("1,1,1,1e3", 2, "it is “1e3”"),
        ('1,1,1,"1,000"', 2, "it is “1,000”"),
        ("1,1,1", 2, "column monetary"),
        ("1,1,1,1\n1,1,1,1,1", 3, "has 5 cells instead of 4"),
        ('1,1,1,1\n"a\nb",1,1,1', 3, "must not go on in the next line"),
        ('1,1,1,1\n1,1,1,"1', 3, "a quotation mark is never closed"),
        ("1,1,1,1\n1,1,1,1\0", 3, "is not text"),
    ],
)
def test_a_wrong_value_is_named_by_line_and_column(rows: str, line: int, words: str) -> None:
    with pytest.raises(UploadError, match=rf"^Line {line}\b") as error:
        uploads.read(f"{HEADER}\n{rows}\n".encode(), MODEL, "GBP")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_read(separator: str) -> None:
    found = uploads.read(f"{HEADER}\n1,2,3,4.5\n".replace(",", separator).encode(), MODEL, "GBP")
    assert found.to_dict("list") == {"customer_id": ["1"], "recency_days": [2], "frequency": [3], "monetary": [4.5]}


def test_other_columns_come_back_beside_the_segments() -> None:
    sent = f"e-mail,{HEADER},segment\nann@shop.example,1,2,3,4.5,of old\n,2,900,1,9,\n"
    found = uploads.segmented(MODEL, uploads.read(sent.encode(), MODEL, "GBP"))
    assert found["e-mail"].tolist() == ["ann@shop.example", ""]
    assert found["segment"].tolist() == found["persona"].str.lower().str.replace(" ", "_").tolist()


def test_a_file_of_the_page_segments_is_read() -> None:
    names = "customer_id,country,segment,segment_since,recency,frequency,monetary,next_change_at,next_segment,currency"
    sent = f"{names}\n17850,United Kingdom,lost,2011-01-01T00:00:00Z,372,155,50311.92,,,GBP\n"
    found = uploads.read(sent.encode(), MODEL, "GBP")
    assert found[[*COLUMNS]].to_numpy().tolist() == [["17850", 372, 155, 50_311.92]]
    with pytest.raises(UploadError, match="Line 2, column currency: must be EUR; it is “GBP”"):
        uploads.read(sent.encode(), MODEL, "EUR")


def test_a_column_that_is_there_twice_is_named() -> None:
    with pytest.raises(UploadError, match="Line 1 names the column “recency_days” twice"):
        uploads.read(f"{HEADER},recency\n1,1,1,1,1\n".encode(), MODEL, "GBP")


@pytest.mark.parametrize("header", ["", "a,b", HEADER.replace(",", "|"), HEADER.removesuffix("y")])
def test_a_wrong_header_gets_the_names_of_the_columns(header: str) -> None:
    with pytest.raises(UploadError, match=r"^Line 1 must name the columns customer_id, recency_days"):
        uploads.read(f"{header}\n1,1,1,1\n".encode(), MODEL, "GBP")


@pytest.mark.parametrize("content", [HEADER, f"{HEADER}\n", f"{HEADER}\n\n\n"])
def test_a_file_without_profiles_says_so(content: str) -> None:
    with pytest.raises(UploadError, match="no profile below the header"):
        uploads.read(content.encode(), MODEL, "GBP")


def test_spend_below_zero_is_valid_net_of_returns_and_an_error_gross() -> None:
    row = f"{HEADER}\n1,1,1,-5\n".encode()
    assert uploads.read(row, MODEL, "GBP")["monetary"].tolist() == [-5.0]
    with pytest.raises(UploadError, match="Line 2, column monetary: must be a number from 0 to"):
        uploads.read(row, GROSS, "GBP")


def test_another_encoding_is_named() -> None:
    with pytest.raises(UploadError, match=r"^Line 2 is not UTF-8"):
        uploads.read(f"{HEADER}\ncafé,1,1,1\n".encode("latin-1"), MODEL, "GBP")


def test_files_are_bounded_in_bytes_and_in_profiles() -> None:
    with pytest.raises(UploadError, match="more than 20 MB"):
        uploads.read(b"x" * 20_000_001, MODEL, "GBP")
    row = "1,1,1,1\n"
    assert len(uploads.read(f"{HEADER}\n{row * uploads.MOST_PROFILES}".encode(), MODEL, "GBP")) == uploads.MOST_PROFILES
    with pytest.raises(UploadError, match="more than 100,000 profiles"):
        uploads.read(f"{HEADER}\n{row * (uploads.MOST_PROFILES + 1)}".encode(), MODEL, "GBP")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=examples(25))
def test_any_upload_gives_profiles_or_one_clear_error(content: bytes) -> None:
    for attempt in (content, HEADER.encode() + b"\n" + content):
        assert re.match(r"(The file|There is|Line \d+|[1-9])", _said_of(attempt))


def _said_of(content: bytes) -> str:
    """The error, or the number of profiles."""
    try:
        return str(len(uploads.read(content, MODEL, "GBP")))
    except UploadError as error:
        return str(error)


WINDOWED = with_window(MODEL, 90)


def test_in_a_window_a_customer_without_a_purchase_in_it_is_inactive_and_stays_so() -> None:
    found = uploads.segmented(WINDOWED, uploads.read(f"{HEADER}\na,90,0,0\nb,89,1,50\n".encode(), WINDOWED, "GBP"))
    assert found["segment"].tolist()[0] == "inactive"
    assert found["segment"].tolist()[1] != "inactive"
    assert found["next_change_in_days"].isna().tolist()[0]
    assert found["next_change_in_days"].tolist()[1] == 1
    assert found["next_segment"].tolist() == ["", "inactive"]


@pytest.mark.parametrize("row", ["a,89,0,0", "a,90,1,50"])
def test_in_a_window_purchases_must_fit_the_last_one(row: str) -> None:
    with pytest.raises(UploadError, match="Line 2, column frequency: must count the purchases in the last 90 days"):
        uploads.read(f"{HEADER}\n{row}\n".encode(), WINDOWED, "GBP")
