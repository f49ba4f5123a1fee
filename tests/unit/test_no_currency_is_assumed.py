"""No code assumes a currency: amounts are written by :mod:`runtime.money`, in the shop's currency."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("segue", "dashboard", "services", "stream_app", "producers", "batch", "data", "models", "runtime")
ASSUMED = re.compile(r"[£€¥]|\bGBP\b|\bpounds?\b|\bpence\b", re.IGNORECASE)
# An example in a docstring, up to the next empty line.
EXAMPLE = re.compile(r">>> .*(?:\n(?!\s*(?:\"\"\"|$)).*)*")
#: Where a default is stated.
ALLOWED = {
    # The default of SEGUE_CURRENCY, and of a file whose mapping names none.
    "runtime/settings.py",
    "data/datasets/reading.py",
    # How the files of shops name currencies.
    "data/datasets/currencies.py",
    "data/datasets/numbers.py",
    # What the formatter's documentation calls a symbol.
    "runtime/money.py",
    # The transactions of a file get their currency from its mapping.
    "data/datasets/encoding.py",
}


def _files() -> list[Path]:
    found = [
        path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in {".py", ".css", ".ipynb"}
    ]
    return sorted(path for path in found if path.relative_to(ROOT).as_posix() not in ALLOWED)


def test_no_file_names_a_currency() -> None:
    files = _files()
    texts = {path.relative_to(ROOT).as_posix(): EXAMPLE.sub("", path.read_text(encoding="utf-8")) for path in files}
    assert len(texts) > 500
    assert {name: found for name, text in texts.items() if (found := ASSUMED.findall(text))} == {}
