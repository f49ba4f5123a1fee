"""How segments look: names and colours of the champion model's personas, from the best to the worst."""

from typing import NamedTuple

from models.personas import RANK
from models.segment_model import SegmentModel

NEUTRAL = "#8a919e"


class Persona(NamedTuple):
    """A segment as people see it."""

    id: str
    name: str
    colour: str
    description: str = ""
    action: str = ""


NOBODY = Persona("", "New customer", NEUTRAL)
Personas = dict[str, Persona]


def personas(model: SegmentModel) -> Personas:
    """The model's personas by segment id, in the order of their rank; those without one keep the model's order."""
    ranked = sorted(model.segments, key=lambda segment: RANK.get(segment.id, len(RANK)))
    return {s.id: Persona(s.id, s.name, s.colour, s.description, s.action) for s in ranked}


def look_up(known: Personas, segment: str | None) -> Persona:
    """The persona of a segment; one of an earlier model goes by its id, none at all is a new customer."""
    if not segment:
        return NOBODY
    return known.get(segment) or Persona(segment, segment.replace("_", " ").title(), NEUTRAL, "From an earlier model.")
