"""Names and colours of a model's segments, from the best persona to the worst."""

from typing import NamedTuple

from dashboard.shared.shades import visible_here
from models.personas import RANK, is_good, is_slip
from models.segment_model import SegmentModel
from models.typical import Typical, typical_of

NEUTRAL = "#8a919e"


class Persona(NamedTuple):
    """A segment as the pages show it; ``typical`` is None if its model does not say what is."""

    id: str
    name: str
    colour: str
    description: str = ""
    action: str = ""
    typical: Typical | None = None


NEW_CUSTOMER = Persona("", "New customer", NEUTRAL)
Personas = dict[str, Persona]


def personas(model: SegmentModel) -> Personas:
    """The model's personas by segment id, by rank; those without a rank come last, in the model's order.

    Their colours are those of the model, in the shade for the viewer's theme.
    """
    ranked = sorted(model.segments, key=lambda segment: RANK.get(segment.id, len(RANK)))
    return {
        s.id: Persona(s.id, s.name, visible_here(s.colour), s.description, s.action, typical_of(model, s.id))
        for s in ranked
    }


def look_up(known: Personas, segment: str | None) -> Persona:
    """The persona of a segment; one of an earlier model is named after its id, and no segment means a new customer."""
    if not segment:
        return NEW_CUSTOMER
    return known.get(segment) or Persona(segment, segment.replace("_", " ").title(), NEUTRAL, "Of an earlier model.")


def slips(model: SegmentModel) -> list[tuple[str, str]]:
    """The pairs of segments between which a move is a slip: out of a good segment, into one of lower rank."""
    ids = [segment.id for segment in model.segments]
    return [(before, after) for before in ids for after in ids if is_slip(before, after)]


def good_personas(known: Personas) -> list[Persona]:
    """The personas that count as good, the best first; leaving one for a lower rank is a slip."""
    return [persona for persona in known.values() if is_good(persona.id)]


def is_climb(before: str, after: str) -> bool:
    """Whether a move leads to a better segment; a first purchase does not count as a climb."""
    return before in RANK and after in RANK and RANK[after] < RANK[before]
