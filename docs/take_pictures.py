"""Take the README's pictures of the dashboard while a dataset is replayed.

    PYTHONPATH=. .venv/bin/python docs/take_pictures.py [DATASET]

Needs Chromium and the real dataset (DATASET is its file; the default is the file that the tests use). Pictures are PNG
files with a palette that has every persona's colour; with a general palette, two of them look alike.
"""

import argparse
import io
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import text

from batch.fit_predictions import fit_with_predictions
from data.datasets.load import load
from data.datasets.selection import default_cutoff
from data.postgres import progress
from data.postgres.dead_letters import StoredDeadLetter
from models.personas import ARCHETYPES
from models.units import Floats, Ints, to_micros
from producers.log_writer import LogWriter
from producers.replay import split, whole
from services.drift.observer import StreamObserver
from tests.support.browser import DESKTOP, PATIENCE, opened, served, visit
from tests.support.campaigns import store_campaign
from tests.support.local_stack import Local, local, wait_until
from tests.support.retail import REAL

FOLDER = Path(__file__).with_name("pages")
# The autumn before Christmas: there is enough history, and drift.
UNTIL = datetime(2011, 9, 20, tzinfo=UTC)
SPEED = "1d/s"
# Pixels that the menu covers when a page is scrolled to one of its parts.
MENU = 64
MOST_BYTES = 200_000
# A distance of two colours (RGB) that is invisible in a letter's edge; personas are several times as far apart.
VISIBLE = 24.0
# A customer with many moves, with purchases and with returns.
EVENTFUL = """
SELECT customer_id FROM customers JOIN transactions USING (customer_id) WHERE segment = 'champions'
GROUP BY customer_id, sequence, frequency HAVING count(*) FILTER (WHERE kind = 'return') BETWEEN 2 AND 6
AND frequency BETWEEN 12 AND 30 ORDER BY sequence DESC, customer_id LIMIT 1
"""
BAD = (b'{"type":"transaction","customer_id":"17841","amount":"12,50"}', b"17841;2011-09-19;12.50")


class Picture(NamedTuple):
    """A part of a page: its path, an element to wait for, and the heading where the part begins (default: the top)."""

    name: str
    ready: str
    path: str = ""
    begins: str = ""
    colours: str = "light"
    height: int = 1000
    seconds: float = 0


# A picture ends where a part of the page ends; pictures side by side in the README have similar heights.
STILL = (
    # At its root, so that the menu marks the page.
    Picture("at_risk", ".sg-risks", "?", height=1131),
    Picture("audiences", ".sg-audience", "audiences?audience_segment=Champions", height=1048),
    Picture("shifts", "[data-behind]", height=1045),
    Picture("segments", "[data-found]", height=1165),
    Picture("campaigns", "[data-verdict]", "campaigns?campaign=autumn", height=1150),
    Picture("customer", "[data-customer]", "customer?customer={customer}", ".sg-who", "dark", 1060),
    Picture("simulator", "[data-verdict]", "simulator?customer={customer}", height=1175),
    Picture("data", "[data-country]", colours="dark", height=1100),
    Picture("model", "[data-movers]", begins=".sg-title:text-is('Drift')", height=750),
)
LIVE = Picture("live", "[data-total=transactions]", height=1165, seconds=30)
OPERATIONS = Picture("operations", "[data-letter]", begins=".sg-title:text-is('Replay')", height=930, seconds=4)


def main() -> None:
    """Replay the dataset and take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, default=REAL)
    path: Path = parser.parse_args().dataset
    shop = load(path)
    past, future = split(whole(shop), shop, to_micros(UNTIL))
    model = fit_with_predictions(shop, default_cutoff(shop))
    with tempfile.TemporaryDirectory(prefix="segue-pictures-") as folder, local(Path(folder), model) as run:
        run.replay(shop, past)
        StreamObserver(run.postgres).observe()
        store_campaign(run.postgres, "autumn", days_ago=20, holdout=0.2)
        with opened() as chromium, served(run.settings.database, "--operator") as address:
            for picture in STILL:
                take(chromium, address, picture, _eventful_customer(run))
            with run.in_background(shop, future, SPEED):
                take(chromium, address, LIVE)
                _send_invalid_records(run)
                take(chromium, address, OPERATIONS)


def take(chromium: BrowserContext, address: str, picture: Picture, customer: str = "") -> None:
    """Take one picture, when the page is complete."""
    path = picture.path.format(customer=customer) or picture.name
    with visit(chromium, address, path, DESKTOP, picture.colours) as page:
        page.set_viewport_size({"width": DESKTOP, "height": picture.height})
        expect(page.locator(picture.ready).first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)
        page.wait_for_load_state("networkidle")
        if picture.begins:
            _scroll(page, picture.begins)
        page.wait_for_timeout(1_000 * (1 + picture.seconds))
        if picture is LIVE:
            _wait_between_refreshes(page)
        _save(page.screenshot(), FOLDER / f"{picture.name}.png")


def _wait_between_refreshes(page: Page) -> None:
    """Wait until the middle between two refreshes, when all figures are drawn."""
    clock = "document.querySelector('[data-event-time]').dataset.eventTime"
    page.wait_for_function(f"before => {clock} !== before", arg=page.evaluate(clock))
    page.wait_for_timeout(1_200)


def _scroll(page: Page, selector: str) -> None:
    page.locator(selector).first.evaluate(
        "(it, menu) => { const main = document.querySelector('[data-testid=stMain]');"
        " main.scrollTop += it.getBoundingClientRect().top - menu; }",
        MENU,
    )


def _save(screenshot: bytes, path: Path) -> None:
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    _with_palette(picture).save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{path} has {size:,} bytes: choose a smaller part of the page")
    sys.stdout.write(f"{path.name}: {size:,} bytes\n")


def _with_palette(picture: Image.Image) -> Image.Image:
    """The picture in 256 of its own colours; unchanged if that would change a colour visibly."""
    pixels = np.asarray(picture, dtype=np.int64) @ np.array([1 << 16, 1 << 8, 1])
    packed, place, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)
    personas = [int(archetype.colour[1:], 16) for archetype in ARCHETYPES]
    # Backgrounds and personas keep their exact colours; then the colour with the largest error is added, up to 256.
    chosen = [*np.flatnonzero(np.isin(packed, personas)), *np.argsort(-counts)[:96]]
    off = _distance(colours, colours[chosen]).min(axis=1)
    while len(chosen) < 256:
        worst = int((off**2 * np.sqrt(counts)).argmax())
        chosen.append(worst)
        off = np.minimum(off, _distance(colours, colours[[worst]])[:, 0])
    if off.max() > VISIBLE:
        return picture
    nearest = _distance(colours, colours[chosen]).argmin(axis=1)[place].astype(np.uint8)
    image = Image.fromarray(nearest.reshape(pixels.shape))
    image.putpalette(colours[chosen].astype(np.uint8).tobytes())
    return image


def _distance(some: Ints, others: Ints) -> Floats:
    squared: Floats = ((some[:, None] - others[None]) ** 2).sum(axis=2).astype(np.float64)
    return np.sqrt(squared)


def _eventful_customer(run: Local) -> str:
    with run.postgres.connect() as connection:
        return str(connection.execute(text(EVENTFUL)).scalar_one())


def _send_invalid_records(run: Local) -> None:
    """Send two invalid records, as a faulty producer might."""
    identity = run.replaying.identity
    writer = LogWriter(run.settings.brokers, run.settings.transactions_topic, identity.partitions)
    for value in BAD:
        writer.requeue(StoredDeadLetter(identity.log_id, 0, 0, "", b"17841", value, None))
    wait_until(lambda: writer.flush(1) == 0 and progress.totals(run.postgres).dead_letters == len(BAD))


if __name__ == "__main__":
    main()
