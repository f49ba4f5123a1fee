"""docs/subscribing.md shows the programs as they are."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "subscribing.md").read_text()
LANGUAGES = {".py": "python", ".mjs": "js", ".java": "java", ".xml": "xml", ".sh": "bash"}
PROGRAMS = [path for path in sorted((ROOT / "examples" / "subscribers").iterdir()) if path.suffix in LANGUAGES]


@pytest.mark.parametrize("path", PROGRAMS, ids=[path.name for path in PROGRAMS])
def test_the_page_shows_a_program_word_for_word(path: Path) -> None:
    assert f"```{LANGUAGES[path.suffix]}\n{path.read_text()}```\n" in PAGE


def test_there_is_a_program_in_every_language() -> None:
    assert {path.suffix for path in PROGRAMS} == set(LANGUAGES)
