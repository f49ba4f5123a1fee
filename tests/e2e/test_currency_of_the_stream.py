"""A running stream keeps its currency: workers, APIs and replays with another one are refused, and change nothing."""

import os
import subprocess
import sys
from pathlib import Path

from models.segment_model import SegmentModel
from tests.support.local_stack import applied, local
from tests.support.retail import small

SHOP = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
1,A,Thing,1,2010-01-01 10:00,5.00,12345,France
"""
REFUSED = "the stream's amounts are in GBP, not in EUR: set the currency to GBP"


def test_a_worker_an_api_and_a_replay_with_another_currency_are_refused(tmp_path: Path, model: SegmentModel) -> None:
    file = tmp_path / "shop.csv"
    file.write_text(SHOP)
    with local(tmp_path / "state", model) as run:
        run.replay(small())
        known = applied(run)
        environment = os.environ | {"SEGUE_STATE_DIR": str(tmp_path / "state"), "SEGUE_CURRENCY": "EUR"}
        replay = ("segue", "replay", str(file), "--mix")
        for module in (("stream_app",), ("segue", "worker"), ("segue", "api", "--no-keys"), replay):
            command = [sys.executable, "-m", *module]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 1, done.stderr
            assert REFUSED in " ".join(done.stderr.split())
            assert "Traceback" not in done.stderr
        assert applied(run) == known
