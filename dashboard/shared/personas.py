"""How segments look: names and colours of the champion model's personas, from the best to the worst."""

from typing import NamedTuple

from models.personas import RANK, is_good, is_slip
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


def slips(model: SegmentModel) -> list[tuple[str, str]]:
    """The pairs of segments between which a move is a slip: out of a good segment, into one of lower rank."""
    ids = [segment.id for segment in model.segments]
    return [(before, after) for before in ids for after in ids if is_slip(before, after)]


def good(known: Personas) -> list[Persona]:
    """The personas that a customer should stay in, the best first."""
    return [persona for persona in known.values() if is_good(persona.id)]


def is_climb(before: str, after: str) -> bool:
    """Whether a move leads to a better segment; entering the first one is no climb."""
    return before in RANK and after in RANK and RANK[after] < RANK[before]
