"""Stock codes that are not products: postage, discounts, fees and similar codes in files like Online Retail."""

import re
from collections.abc import Sequence

import pandas as pd

from batch.dataset_frames import USABLE, ask
from batch.explore import formats
from batch.explore.finding import Finding
from data.datasets.dataset import Dataset
from models.units import MONEY_UNITS
from runtime.counts import many
from runtime.money import Money

SHOWN_CODES = 15
# In the files of this shop, a product has five digits and up to three letters.
_PRESETS = "online-retail"
_PRODUCT = re.compile(r"\d{5}[A-Za-z]{0,3}")
# Codes of one series differ only in their last digits: gift_0001_20, DCGS0058.
_SERIES = re.compile(r"[_\d].*$")


def knows_products(dataset: Dataset) -> bool:
    """Whether the dataset's files have stock codes of the form that :func:`is_product` knows."""
    return dataset.mapping.preset.startswith(_PRESETS)


def is_product(stock_code: str) -> bool:
    """Whether a stock code is that of a product: five digits and up to three letters."""
    return _PRODUCT.fullmatch(stock_code.strip()) is not None


def odd_rows(dataset: Dataset) -> int:
    """The number of rows whose stock code is not that of a product."""
    found = ask(dataset, f"SELECT stock_code, count(*) AS rows FROM rows WHERE {USABLE} GROUP BY stock_code")
    counts = zip(found["stock_code"].tolist(), found["rows"].tolist(), strict=True)
    return sum(rows for code, rows in counts if not is_product(code))


def odd_stock_codes(dataset: Dataset) -> pd.DataFrame:
    """Stock codes that are not products, most rows first; codes of one series, in any case, are counted together.

    Returns
    -------
    DataFrame
        By ``code``: the most frequent ``description``, ``rows``, ``with_customer`` (rows), and ``net``, the sum of
        quantity times price in currency units. Rows that a second export repeats do not count.
    """
    once = f"{USABLE} AND left_out IS DISTINCT FROM 'repeated'"
    codes = ask(dataset, f"SELECT DISTINCT stock_code FROM rows WHERE {once}")["stock_code"].tolist()
    odd = sorted(code for code in codes if not is_product(code))
    found = ask(
        dataset,
        f"""
        SELECT stock_code, description, count(*) AS rows, count(customer_id) AS with_customer,
               sum(quantity::HUGEINT * price_units)::BIGINT AS units, min((source, row)) AS place
        FROM rows WHERE {once} AND stock_code IN (SELECT unnest($codes::VARCHAR[]))
        GROUP BY stock_code, description ORDER BY place
        """,
        {"codes": odd},
    )
    series = dict(zip(odd, _in_series([code.strip().upper() for code in odd]), strict=True))
    groups = found.assign(code=found["stock_code"].map(series).astype("str")).groupby("code")
    table = groups[["rows", "with_customer", "units"]].sum()
    table.insert(0, "description", pd.Series({code: _most_frequent(rows) for code, rows in groups}, dtype="str"))
    table["net"] = table.pop("units") / MONEY_UNITS
    return table.sort_values("rows", ascending=False, kind="stable")


def odd_codes_table(dataset: Dataset, money: Money) -> Finding:
    """Postage, discounts, fees and similar codes, as a table."""
    codes = odd_stock_codes(dataset)
    if codes.empty:
        return Finding("codes", "Stock codes that are not products", "All stock codes look like products.", codes)
    summary = (
        f"{many(int(codes['rows'].sum()), 'row is', 'rows are')} postage, manual entries, fees and similar; the most "
        f"frequent code is {codes.index[0]} ({many(int(codes['rows'].iloc[0]), 'row')}, "
        f"{formats.amount(codes['net'].iloc[0], money)} net)."
    )
    shown = codes.head(SHOWN_CODES)
    table = pd.DataFrame(
        {
            "code": shown.index,
            "for example": shown["description"],
            "rows": shown["rows"].map("{:,}".format),
            "with customer": shown["with_customer"].map("{:,}".format),
            "net": [formats.amount(net, money) for net in shown["net"]],
        }
    )
    hidden = len(codes) - len(shown)
    note = f"{many(hidden, 'less frequent code')} not shown." if hidden else ""
    return Finding("codes", "Stock codes that are not products", summary, codes, table=table, note=note)


def _in_series(codes: Sequence[str]) -> list[str]:
    """Codes, with those of a series of two or more replaced by their common prefix and an ellipsis."""
    stems = [_SERIES.sub("", code) for code in codes]
    members: dict[str, set[str]] = {}
    for code, stem in zip(codes, stems, strict=True):
        members.setdefault(stem, set()).add(code)
    return [
        f"{stem}…" if len(stem) > 2 and len(members[stem]) > 1 else code
        for code, stem in zip(codes, stems, strict=True)
    ]


def _most_frequent(found: pd.DataFrame) -> str:
    """The description with most rows, the first one of several; a dash if there is none."""
    counts = found.dropna(subset="description").groupby("description", sort=False)["rows"].sum()
    return str(counts.idxmax()) if len(counts) else "–"
