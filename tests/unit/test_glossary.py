"""The glossary's words are the project's words: those in its last column stay out of code and docs."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
# Renaming a table would cost every installation a migration. A persona's text is a part of its model's version, and the
# trade calls an order that repeats a standing order.
STORED = ("model_reigns", "standing orders")
EXEMPT = {GLOSSARY, Path(__file__)}


def avoided() -> dict[str, str]:
    """The term to use by the word to avoid."""
    found: dict[str, str] = {}
    for line in GLOSSARY.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 3 and cells[0] != "term":
            found |= {word.strip(): cells[0] for word in cells[2].split(",") if word.strip()}
    return found


def sources() -> list[Path]:
    """Every tracked file that people read or write."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [ROOT / name for name in listed.splitlines()]
    kinds = {".py", ".md", ".yaml", ".yml", ".toml", ".css"}
    return [file for file in files if file.suffix in kinds and file.is_file() and file not in EXEMPT]


@cache
def source_words() -> dict[str, str]:
    """The words of every source, by its path."""
    found = {}
    for file in sources():
        text = file.read_text()
        for stored in STORED:
            text = text.replace(stored, "")
        found[str(file.relative_to(ROOT))] = words_of(text)
    return found


def words_of(text: str) -> str:
    """A text in lower case, in which identifiers are cut into their words; its lines stay the same."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ").lower()


def uses(words: str, word: str) -> list[int]:
    """The lines of a text's words that hold a word."""
    # Most texts do not hold it, and this is much quicker than the pattern.
    if word not in words:
        return []
    pattern = re.compile(rf"\b{re.escape(word)}\b")
    return [number for number, line in enumerate(words.splitlines(), 1) if pattern.search(line)]


def test_the_glossary_names_words_to_avoid() -> None:
    assert len(avoided()) > 20


@pytest.mark.parametrize("word", avoided())
def test_an_avoided_word_is_in_no_code_and_no_page(word: str) -> None:
    found = [f"{file}:{line}" for file, words in source_words().items() for line in uses(words, word)]
    assert not found, f"write {avoided()[word]!r} instead of {word!r}: {', '.join(found)}"


def test_a_word_inside_an_identifier_is_found() -> None:
    assert uses(words_of("class WorkerLane:\n    lane_count = 1\n    planet = 2"), "lane") == [1, 2]
