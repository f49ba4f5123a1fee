"""Populations that are hard to fit: a finite model, or an error that says how many customers there are."""

from pathlib import Path

import numpy as np
import pytest

from batch.fit import FitError
from batch.fit_dataset import fit_before
from data.datasets.load import load
from models.segment_model import SegmentModel
from tests.support.shop_readings import rows

ORDERS = "order_id,customer_id,date,amount"


def orders(*, customers: int, each: int, amount: str) -> str:
    """Orders of some customers, one a day."""
    numbers = range(customers * each)
    lines = (f"o{n},c{n % customers},2024-{1 + n // 28 % 12:02}-{1 + n % 28:02},{amount}" for n in numbers)
    return rows(*lines, header=ORDERS)


ODD = {
    "fewer customers than segments": orders(customers=2, each=3, amount="5.00"),
    "one customer with many orders": orders(customers=1, each=50, amount="5.00"),
    "all the same": rows(*(f"o{n},c{n},2024-03-01,5.00" for n in range(30)), header=ORDERS),
    "only free orders": orders(customers=30, each=2, amount="0.00"),
    "one huge order": orders(customers=30, each=2, amount="5.00") + "x,whale,2024-06-01,999999999.99\n",
    "debtors": orders(customers=20, each=2, amount="5.00")
    + "".join(f"r{n},c{n},2024-12-30,-50.00\n" for n in range(10)),
    "everybody bought once": orders(customers=200, each=1, amount="7.00"),
    "only returns": rows(*(f"o{n},c{n},2024-03-01,-5.00" for n in range(30)), header=ORDERS),
}


def fitted(path: Path, k: int) -> tuple[SegmentModel | None, str]:
    """The model of a file's customers, or why there is none."""
    with load(path) as dataset:
        try:
            return fit_before(dataset, dataset.report.last, k), ""
        except FitError as error:
            return None, str(error)


@pytest.mark.parametrize("k", [pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow), 5])
@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_an_odd_population_gives_a_finite_model_or_says_how_many_customers_there_are(
    content: str, k: int, tmp_path: Path
) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(content)
    model, refusal = fitted(path, k)
    if model is None:
        assert "customer" in refusal
        assert "\n" not in refusal
        return
    assert len(model.segments) == k
    assert np.isfinite([segment.centroid for segment in model.segments]).all()
    assert np.isfinite([*model.means, *model.scales]).all()
    assert min(model.scales) > 0
