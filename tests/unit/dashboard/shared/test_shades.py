"""Colours in a shade that is seen against the background."""

import tomllib
from pathlib import Path

import pytest

import dashboard
from dashboard.shared.personas import NEUTRAL
from dashboard.shared.plotting import CAUSE_COLOURS, OTHER_CAUSE
from dashboard.shared.shades import BACKGROUNDS, LEAST_CONTRAST, contrast, shade, visible_here
from models.personas import ARCHETYPES, INACTIVE_ARCHETYPE

CONFIG = Path(dashboard.__file__).parent / ".streamlit" / "config.toml"
PERSONAS = [archetype.colour for archetype in (*ARCHETYPES, INACTIVE_ARCHETYPE)]
COLOURS = [*PERSONAS, NEUTRAL, *CAUSE_COLOURS.values(), OTHER_CAUSE]


def test_the_backgrounds_are_those_of_the_themes() -> None:
    themes = tomllib.loads(CONFIG.read_text())["theme"]
    assert {name: themes[name]["backgroundColor"] for name in ("light", "dark")} == BACKGROUNDS


@pytest.mark.parametrize("background", BACKGROUNDS.values())
@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_is_seen_against_both_backgrounds_and_is_changed_no_more_than_that(
    colour: str, background: str
) -> None:
    shown = shade(colour, background)
    if contrast(colour, background) >= LEAST_CONTRAST:
        assert shown == colour
    else:
        assert LEAST_CONTRAST <= contrast(shown, background) < LEAST_CONTRAST + 0.1


@pytest.mark.parametrize("background", BACKGROUNDS.values())
def test_personas_still_differ(background: str) -> None:
    assert len({shade(colour, background) for colour in PERSONAS}) == len(PERSONAS)


def test_without_a_known_theme_a_colour_is_as_it_is() -> None:
    assert visible_here("#f48c13") == "#f48c13"
