"""The sentences that the command line adds to errors."""

import pytest

from runtime.errors import Hint, NotFoundError, SegueError
from segue.cli.errors import described, one_line


@pytest.mark.parametrize("hint", Hint)
def test_every_hint_adds_a_sentence(hint: Hint) -> None:
    line = one_line(SegueError("it failed", hint))
    assert line.startswith("it failed; ")
    assert len(line) > len("it failed; ")
    assert "\n" not in line
    assert not line.endswith(".")


def test_an_error_without_a_hint_is_its_message() -> None:
    assert one_line(NotFoundError("no model k7 is registered")) == "no model k7 is registered"
    assert one_line(LookupError("no champion model is registered")) == "no champion model is registered"


def test_a_dataset_without_a_hint_is_described_by_its_reason() -> None:
    assert described("shop.csv", None) == "shop.csv"
    assert described("synthetic data", Hint.DOWNLOAD).startswith("synthetic data (`segue data fetch`")
