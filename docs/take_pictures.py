"""Take the README's pictures of the dashboard: a replay of a dataset, its drift observed, and a browser.

    PYTHONPATH=. .venv/bin/python docs/take_pictures.py [DATASET]

Needs Chromium and the real dataset (DATASET is its file; by default it lies where the tests look for it). Pictures are
PNG with a palette of their own in which every persona keeps its colour: with any other one, two of them looked alike.
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
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from data.datasets import dataset as datasets
from data.datasets import readers
from data.datasets.selection import default_cutoff
from data.postgres import progress
from data.postgres.dead_letters import StoredDeadLetter
from models.personas import ARCHETYPES
from models.units import Floats, Ints, to_micros
from producers.log_writer import LogWriter
from producers.replay import split, whole
from segue.local.demo import fit_before
from services.drift.watcher import Watcher
from tests.support.browser import DESKTOP, PATIENCE, launched, served, visit
from tests.support.local_stack import Local, local, wait_until
from tests.support.retail import REAL

FOLDER = Path(__file__).with_name("pages")
# The autumn before Christmas: enough behind it to look back at, and drift to see.
UNTIL = datetime(2011, 9, 20, tzinfo=UTC)
SPEED = "1d/s"
# What stands under the menu when a page is scrolled to one of its parts.
MENU = 64
MOST_BYTES = 200_000
# A distance of two colours (RGB) that nobody sees in the edge of a letter; personas are several times as far apart.
VISIBLE = 24.0
# Somebody who went up and down, and what such a life is: purchases, and returns among them.
EVENTFUL = """
SELECT customer_id FROM customers JOIN transactions USING (customer_id) WHERE segment = 'champions'
GROUP BY customer_id, sequence, frequency HAVING count(*) FILTER (WHERE kind = 'return') BETWEEN 2 AND 6
AND frequency BETWEEN 12 AND 30 ORDER BY sequence DESC, customer_id LIMIT 1
"""
BAD = (b'{"type":"transaction","customer_id":"17841","amount":"12,50"}', b"17841;2011-09-19;12.50;GBP")


class Picture(NamedTuple):
    """A part of a page: its address, what must be there, and at which heading the part begins (else at the top)."""

    name: str
    ready: str
    path: str = ""
    begins: str = ""
    colours: str = "light"
    height: int = 1000
    seconds: float = 0


# Heights end where a part of the page does; those that stand side by side in the README are alike.
STILL = (
    Picture("slipping", ".sg-slips", height=1180),
    Picture("shifts", "[data-behind]", height=1085),
    Picture("segments", "[data-found]", height=1060),
    Picture("customer", "[data-customer]", "customer?customer={customer}", ".sg-who", "dark", 1060),
    Picture("simulator", "[data-verdict]", "simulator?customer={customer}", height=1100),
    Picture("data", "[data-country]", colours="dark", height=1100),
    Picture("model", "[data-movers]", begins=".sg-title:text-is('Drift')", height=750),
)
LIVE = Picture("live", "[data-total=transactions]", height=1085, seconds=30)
OPERATIONS = Picture("operations", "[data-letter]", begins=".sg-title:text-is('Replay')", height=750, seconds=4)


def main() -> None:
    """Replay, and take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, default=REAL)
    path: Path = parser.parse_args().dataset
    shop = datasets.clean(readers.read(path), path.name)
    past, future = split(whole(shop), shop, to_micros(UNTIL))
    model = fit_before(shop, default_cutoff(shop))
    with tempfile.TemporaryDirectory(prefix="segue-pictures-") as folder, local(Path(folder), model) as run:
        run.replay(shop, past)
        Watcher(run.postgres).look()
        with launched() as chromium, served(run.settings.database, "--operator") as address:
            for picture in STILL:
                take(chromium, address, picture, _somebody(run))
            with run.in_background(shop, future, SPEED):
                take(chromium, address, LIVE)
                _send_what_nobody_can_use(run)
                take(chromium, address, OPERATIONS)


def take(chromium: Browser, address: str, picture: Picture, customer: str = "") -> None:
    """One picture, when nothing is being computed or drawn any more."""
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
            _await_calm(page)
        _save(page.screenshot(), FOLDER / f"{picture.name}.png")


def _await_calm(page: Page) -> None:
    """The middle of the time between two refreshes, when streams have been drawn to the end."""
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
    """The picture in 256 of its own colours; as it is, where that would change any of them visibly."""
    pixels = np.asarray(picture, dtype=np.int64) @ np.array([1 << 16, 1 << 8, 1])
    packed, place, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    colours = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)
    personas = [int(archetype.colour[1:], 16) for archetype in ARCHETYPES]
    # Surfaces and personas stay exactly as they are. Then always the one that is worst off comes in.
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


def _somebody(run: Local) -> str:
    with run.postgres.connect() as connection:
        return str(connection.execute(text(EVENTFUL)).scalar_one())


def _send_what_nobody_can_use(run: Local) -> None:
    """Two records as another, mistaken producer might send them."""
    identity = run.replaying.identity
    writer = LogWriter(run.settings.brokers, run.settings.transactions_topic, identity.partitions)
    for value in BAD:
        writer.put_back(StoredDeadLetter(identity.log_id, 0, 0, "", b"17841", value, None))
    wait_until(lambda: writer.flush(1) == 0 and progress.totals(run.postgres).dead_letters == len(BAD))


if __name__ == "__main__":
    main()
