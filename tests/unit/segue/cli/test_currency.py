"""Commands write amounts in the currency that is set, and refuse a text that is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch.fit import fit
from batch.profiles import profiles_as_of
from runtime.money import Money
from segue.cli import fitting
from segue.cli.console import output
from tests.support.money import EUROS, POUNDS, YEN
from tests.support.retail import retail


@pytest.mark.parametrize("money", [POUNDS, EUROS, YEN], ids=["pounds", "euros", "yen"])
def test_a_fit_shows_spend_in_the_currency_of_the_shop(money: Money, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = profiles_as_of(retail().transactions, retail().report.last)
    result = fit(profiles, k=3)
    with output.capture() as captured:
        source = fitting.FitSource(profiles, {}, money, retail().report.last, lambda: retail().transactions)
        fitting.show(result, None, False, source)
    shown = captured.get()
    for mean in result.summary.iloc[:, -1]:
        assert money.exact(mean) in shown


@pytest.mark.slow
@pytest.mark.parametrize("command", [("segue", "status"), ("segue", "replay"), ("segue", "worker"), ("stream_app",)])
def test_a_text_that_is_no_currency_is_refused_in_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    environment = os.environ | {"SEGUE_STATE_DIR": str(tmp_path), "SEGUE_CURRENCY": "Euro"}
    done = subprocess.run(
        [sys.executable, "-m", *command], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip().removeprefix("error: ") == "SEGUE_CURRENCY: 'Euro' is no currency: use EUR"
