"""The operations page of an operator's and of an analyst's dashboard, on a running replay."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import Row

from data.datasets.dataset import Dataset
from data.postgres import dead_letters, progress, replay_control
from models.segment_model import SegmentModel
from producers.log_writer import LogWriter
from tests.support import browser
from tests.support.browser import (
    PATIENCE,
    choose,
    expect_to_fit_a_phone,
    opened,
    served,
    visit,
)
from tests.support.local_stack import Local, local, wait_until
from tests.support.sections import section

pytestmark = browser.MARKS

TRANSACTIONS = 2_000
BAD = b'{"type":"transaction","oops":"<img src=x onerror=alert(1)>"}'


def test_an_operator_pauses_and_resumes_a_replay_and_retries_a_dead_letter(
    medium_dataset: Dataset, medium_model: SegmentModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    beginning = section(medium_dataset, 0, TRANSACTIONS)
    with local(tmp_path, medium_model) as run, run.in_background(medium_dataset, beginning, "12h/s"):
        _send(run, BAD)
        with served(run.settings.database, "--operator") as address, opened() as chromium:
            with visit(chromium, address, "operations") as page:
                expect(page.get_by_text("Running", exact=True)).to_be_visible(timeout=PATIENCE)

                page.get_by_role("button", name="Pause").click()
                expect(page.get_by_text("Paused", exact=True)).to_be_visible(timeout=PATIENCE)
                wait_until(lambda: progress.totals(run.postgres).transactions == _replay(run).sent)
                held = _replay(run)
                expect(page.locator("[data-replay=paused]")).to_have_attribute(
                    "data-sent", str(held.sent), timeout=PATIENCE
                )
                wait_until(lambda: _replay(run).heartbeat_at > held.heartbeat_at)
                assert (_replay(run).sent, _replay(run).event_time) == (held.sent, held.event_time)

                page.get_by_role("button", name="Resume").click()
                expect(page.get_by_text("Running", exact=True)).to_be_visible(timeout=PATIENCE)
                wait_until(lambda: _replay(run).sent > held.sent)
                _speed(page, "max")
                expect(page.get_by_text("Finished", exact=True)).to_be_visible(timeout=2 * PATIENCE)
                assert _replay(run).sent == TRANSACTIONS

                page.get_by_role("button", name="Retry").first.click()
                expect(page.get_by_text("(wall clock)").first).to_be_visible(timeout=PATIENCE)
                wait_until(lambda: progress.totals(run.postgres).dead_letters == 2)
                assert sum(row.retried for row in dead_letters.by_reason(run.postgres, None)) == 1
            _visit_as_an_analyst(run, chromium)
        assert progress.totals(run.postgres).transactions == TRANSACTIONS


def _visit_as_an_analyst(run: Local, chromium: BrowserContext) -> None:
    """Without ``--operator`` there are no buttons, and all figures are drawn.

    Every page in every window, light and dark, is in ``test_every_page_in_a_browser.py``.
    """
    with served(run.settings.dashboard_database) as analysts:
        with visit(chromium, analysts, "operations") as page:
            expect(page.locator("[data-partition]")).to_have_count(4, timeout=PATIENCE)
            expect(page.get_by_text("Content", exact=True).first).to_be_visible(timeout=PATIENCE)
            for name in ("Pause", "Resume", "Set speed", "Retry"):
                expect(page.get_by_role("button", name=name)).to_have_count(0)
            page.get_by_text("Content", exact=True).first.click()
            expect(page.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible(timeout=PATIENCE)
        for path, figures in (("data", 7), ("model", 1), ("operations", 0)):
            with visit(chromium, analysts, path) as page:
                expect(page.locator(".js-plotly-plot")).to_have_count(figures, timeout=2 * PATIENCE)
                expect_to_fit_a_phone(page)


def _send(run: Local, value: bytes) -> None:
    """Send an invalid record, as another producer might."""
    identity = run.replaying.identity
    writer = LogWriter(run.settings.brokers, run.settings.transactions_topic, identity.partitions)
    letter = dead_letters.StoredDeadLetter(identity.log_id, 0, 0, "", b"12345", value, None)
    writer.requeue(letter)
    wait_until(lambda: writer.flush(1) == 0)


def _replay(run: Local) -> Row[Any]:
    return replay_control.replays(run.postgres)[0]


def _speed(page: Page, speed: str) -> None:
    choose(page, page.locator(".st-key-operations_speed input").first, speed)
    page.get_by_role("button", name="Set speed").click()
