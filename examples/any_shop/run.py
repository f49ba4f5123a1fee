"""Take the export of a shop in euros through all of Segue, and check that everything agrees.

The exit code is 0 only if the file is understood as it was made, the stream has applied every transaction, the file
and the stream agree on every customer, and no page of the dashboard shows pounds.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from examples.any_shop.make_orders import Expected, make

PAGES = (
    "",
    "audiences",
    "live",
    "shifts",
    "segments",
    "campaigns",
    "customer",
    "simulator",
    "data",
    "model",
    "operations",
)
PATIENCE = 600  # in seconds, for a slow machine; nearly everything is there within a moment


#: Every text of a page. Its source also holds random names and data, in which any three letters may stand together.
TEXTS = """() => [...document.querySelectorAll('body *:not(script):not(style)')]
    .flatMap(element => [...element.childNodes]).filter(node => node.nodeType === 3)
    .map(node => node.textContent).join(' ')"""
POUNDS = re.compile(r".{0,30}(?:£|GBP).{0,30}")


class DisagreementError(Exception):
    """Something does not agree; the message says what."""


class Shop:
    """The commands of Segue for one shop, in a folder of its own.

    Parameters
    ----------
    folder
        Where the export, the mapping, the model and the local stack are kept.
    broker
        The broker of the stack, as ``segue up --broker`` names it.
    """

    def __init__(self, folder: Path, broker: str = "embedded") -> None:
        self.folder = folder
        self.broker = broker
        self.export = folder / "orders_export.csv"
        self.mapping = folder / "shop.toml"
        others = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
        self.environment = others | {"SEGUE_CURRENCY": "EUR", "SEGUE_STATE_DIR": str(folder / "stack")}

    def segue(self, *arguments: str, needed: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command, and show it."""
        say(f"$ segue {' '.join(arguments)}")
        done = subprocess.run(
            [sys.executable, "-m", "segue", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if needed and done.returncode:
            raise DisagreementError(f"segue {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def report(self, *arguments: str) -> dict[str, Any]:
        """The JSON of a command."""
        found: dict[str, Any] = json.loads(self.segue(*arguments, "--json").stdout)
        return found

    @contextmanager
    def stack(self, port: int) -> Iterator[None]:
        """A running local stack."""
        say("$ segue up &")
        log = self.folder / "stack.log"
        command = [sys.executable, "-m", "segue", "up", "--broker", self.broker, "--port", str(port)]
        with (
            log.open("w") as output,
            subprocess.Popen(command, env=self.environment, stdout=output, stderr=output) as process,
        ):
            try:
                self._await_stack(process, port, log)
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)

    def _await_stack(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        def is_up() -> bool:
            if process.poll() is not None:
                raise DisagreementError(f"the stack ended:\n{log.read_text()}")
            return _is_healthy(port)

        wait_until(is_up, "the dashboard")
        wait_until(lambda: self.segue("status", "--json", needed=False).stdout.startswith("{"), "the stack")


def main() -> int:
    """Run the example; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, help="keep all files in this folder")
    options.add_argument("--no-pages", action="store_true", help="do not look at the dashboard in a browser")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (chosen.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            run(Shop(folder), pages=not chosen.no_pages)
        except DisagreementError as error:
            sys.stderr.write(f"failed: {error}\n")
            return 1
    say("Everything agrees.")
    return 0


def run(shop: Shop, *, pages: bool) -> None:
    """Describe, fit, replay, look and reconcile."""
    expected = make(shop.export)
    described = shop.report(
        *("data", "describe", str(shop.export), "--set", "time.zone=Europe/Berlin"),
        *("--save-mapping", str(shop.mapping), "--force"),
    )
    check_description(described, expected)
    file = (str(shop.export), "--mapping", str(shop.mapping))
    offline = shop.segue("fit", *file, "--k", "4", "--dry-run")
    check("pounds in the offline fit", "£" in offline.stdout, False)
    port = free_port()
    with shop.stack(port):
        shop.segue("fit", *file, "--k", "4")
        say(shop.segue("replay", *file, "--speed", "max").stdout)
        wait_until(lambda: applied(shop) >= expected.transactions, "all transactions to be applied")
        reconciled = shop.segue("reconcile", *file, "--json")
        found = json.loads(reconciled.stdout)
        check("differences between file and stream", len(found["differences"]), 0)
        check("transactions applied", applied(shop), expected.transactions)
        if pages:
            look_at_pages(port)


def check_description(described: dict[str, Any], expected: Expected) -> None:
    """Compare how the file was understood with how it was made."""
    check("preset", described["preset"], "shopify")
    check("currency", described["currency"], "EUR")
    for name in ("transactions", "sales", "returns", "guest_invoices"):
        check(name, described[name], getattr(expected, name))
    check("customers", described["customers"], len(expected.customers))
    check("gross", described["gross"], f"{expected.gross:.2f}")
    check("returned", described["returned"], f"{expected.returned:.2f}")


def look_at_pages(port: int) -> None:
    """Open every page of the dashboard in Chromium, if that is installed."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        say("The pages are not checked: that needs Chromium and the package playwright.")
        return
    with sync_playwright() as playwright, opened_window(playwright, chromium) as window:
        euros = 0
        for path in PAGES:
            page = window.new_page()
            page.set_default_timeout(PATIENCE * 1000)
            page.goto(f"http://127.0.0.1:{port}/{path}")
            page.locator(".sg-heading, .sg-totals, .sg-trouble").first.wait_for()
            page.wait_for_load_state("networkidle")
            text = page.evaluate(TEXTS)
            check(f"pounds on the page {path or 'home'!r}", POUNDS.findall(text), [])
            euros += "€" in text
            page.close()
        check("pages with euros", euros > 0, True)


@contextmanager
def opened_window(playwright: Any, chromium: str) -> Iterator[Any]:
    """A window of Chromium. All its pages are in one process, which compiles the dashboard's scripts once."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"]
    flags += ["--renderer-process-limit=1", "--disable-site-isolation-trials"]
    with tempfile.TemporaryDirectory() as profile:
        window = playwright.chromium.launch_persistent_context(profile, executable_path=chromium, args=flags)
        yield window
        window.close()


def applied(shop: Shop) -> int:
    """The number of transactions that the workers have applied."""
    done = shop.segue("status", "--json", needed=False)
    return sum(partition["transactions"] for partition in json.loads(done.stdout)["partitions"])


def check(what: str, found: object, wanted: object) -> None:
    """Raise :class:`DisagreementError` if two values differ."""
    if found != wanted:
        raise DisagreementError(f"{what}: {found!r} instead of {wanted!r}")


def wait_until(condition: Any, what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise DisagreementError(f"waited {PATIENCE} seconds for {what}")
        time.sleep(1)


def free_port() -> int:
    """A free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
