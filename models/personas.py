"""Personas: what marketers call the segments that KMeans finds.

Every persona is an archetype with a prototype, the place in standardised R, F, M space where one would look for it.
Centroids are matched to prototypes all at once, at the least total distance (a linear assignment problem), so a name
depends on where a centroid lies and what lies beside it, never on the number that KMeans happened to give it.

Distances are measured after ``arcsinh``, which is linear around the mean and logarithmic far from it: on a raw money
scale the few biggest spenders lie 30 standard deviations out, and would otherwise decide everybody's name. Recency
counts threefold: whether a customer is still there is the one thing that a name must not get wrong.
"""

import msgspec
import numpy as np
from msgspec import Struct

from models.segment_model import ModelError, Point, Segment
from models.units import Floats, Ints


class Archetype(Struct, frozen=True):
    """A persona before it has met any data.

    ``prototype`` is standardised recency, frequency, monetary value. ``good`` says that a customer who leaves for a
    lower rank is slipping. Colours keep their distance under every common colour blindness, on white and on black.
    """

    id: str
    name: str
    description: str
    colour: str
    action: str
    prototype: Point
    good: bool


# From the best customers to the worst: an archetype's place here is its rank.
ARCHETYPES = (
    Archetype(
        "whales",
        "Whales",
        "A handful of giants whose every order moves the month's figures.",
        "#3b27e3",
        "Give each one a name to call, terms of their own and a visit once a year.",
        (-1.0, 7.0, 12.0),
        good=True,
    ),
    Archetype(
        "superfans",
        "Superfans",
        "They order so often that the warehouse knows their address by heart.",
        "#a2249d",
        "Offer standing orders and early stock, and ask them what to sell next.",
        (-1.0, 16.0, 6.0),
        good=True,
    ),
    Archetype(
        "champions",
        "Champions",
        "They were here the other day, they come all the time, and they never leave empty-handed.",
        "#f48c13",
        "Reward them, show them novelties first and ask for referrals; a discount would be wasted.",
        (-1.35, 1.9, 1.5),
        good=True,
    ),
    Archetype(
        "loyal",
        "Loyal",
        "The steady heart of the business: back every few weeks, with a basket worth packing.",
        "#78b18c",
        "Tell them about what goes with what they buy, and let a loyalty programme lift them to the top.",
        (-0.6, 1.0, 0.9),
        good=True,
    ),
    Archetype(
        "rising",
        "Rising Stars",
        "Fresh from an order and building a habit; the next champions are among them.",
        "#0da198",
        "Thank them for the latest order and make the next one easy: reminders, bundles, free delivery.",
        (-1.5, 0.4, 0.4),
        good=True,
    ),
    Archetype(
        "regulars",
        "Regulars",
        "Familiar faces with a middling basket, never gone for long.",
        "#18b4fb",
        "Keep them coming: what is new, what goes with the usual, a small thank-you now and then.",
        (-0.7, 0.35, 0.2),
        good=True,
    ),
    Archetype(
        "promising",
        "Promising",
        "An order or two not long ago: they like what they see and haven't made up their minds.",
        "#0b69ef",
        "Win the next order with recommendations from their last basket.",
        (-0.8, -0.3, -0.2),
        good=True,
    ),
    Archetype(
        "new",
        "Newcomers",
        "One small first order, still in its wrapping paper.",
        "#03640c",
        "Welcome them, help with the first order and give a reason for a second one within the month.",
        (-0.5, -0.75, -0.6),
        good=True,
    ),
    Archetype(
        "needs_attention",
        "Need Attention",
        "Decent customers who have gone a little quiet; a nudge today saves a rescue tomorrow.",
        "#a99058",
        "Send a timely offer on what they usually buy, before they look elsewhere.",
        (0.0, 0.35, 0.45),
        good=False,
    ),
    Archetype(
        "cant_lose",
        "Can't Lose Them",
        "Once among the best, now silent for far too long: every one of them is worth a phone call.",
        "#ae261d",
        "Call in person, find out what went wrong and make them an offer that is hard to refuse.",
        (0.9, 1.0, 1.0),
        good=False,
    ),
    Archetype(
        "at_risk",
        "At Risk",
        "They used to come back and have stopped; the door is closing.",
        "#c06702",
        "Win them back with a strong, short-lived offer and news of what has come in since.",
        (0.65, -0.05, 0.2),
        good=False,
    ),
    Archetype(
        "hibernating",
        "Hibernating",
        "An order or two, long ago; something seasonal might wake them.",
        "#63446e",
        "Include them in seasonal mailings, and spend no more than that.",
        (0.85, -0.55, -0.35),
        good=False,
    ),
    Archetype(
        "returners",
        "Returners",
        "What they bought came back, nearly all of it.",
        "#8e6c5e",
        "Find out what disappointed them before spending another penny on advertising.",
        (0.7, -0.8, -4.2),
        good=False,
    ),
    Archetype(
        "lost",
        "Lost",
        "One small order in the distant past, and not a word since.",
        "#675f6a",
        "Let them go, or try one last cheap mailing when a season begins.",
        (1.1, -1.0, -1.0),
        good=False,
    ),
)

_WEIGHTS = np.array([3.0, 1.0, 1.0])

RANK = {archetype.id: rank for rank, archetype in enumerate(ARCHETYPES)}


def is_good(segment_id: str) -> bool:
    """Whether a segment is one that a customer should stay in; False for an id that is not an archetype's."""
    return segment_id in RANK and ARCHETYPES[RANK[segment_id]].good


def is_slip(from_id: str | None, to_id: str) -> bool:
    """Whether a change leaves a good segment for a lower rank; entering the first segment is no slip."""
    return from_id is not None and is_good(from_id) and to_id in RANK and RANK[to_id] > RANK[from_id]


def name_segments(centroids: Floats) -> tuple[Segment, ...]:
    """Make segments of centroids by giving each one the persona that it is most like, all in all.

    Parameters
    ----------
    centroids
        Shape (k, 3), standardised recency, frequency and monetary value.

    Returns
    -------
    tuple of Segment
        Ordered by rank, best customers first, whatever the order of the centroids.

    Raises
    ------
    ModelError
        If there are more centroids than archetypes, or they are not k finite points.
    """
    points = checked_points(centroids)
    persona = closest(points, np.array([archetype.prototype for archetype in ARCHETYPES]))
    return tuple(
        msgspec.structs.replace(blank_segment(ARCHETYPES[persona[row]]), centroid=tuple(points[row].tolist()))
        for row in np.argsort(persona)
    )


def checked_points(centroids: Floats) -> Floats:
    """The centroids, if they can be named.

    Raises
    ------
    ModelError
        If there are more centroids than archetypes, or they are not k finite points.
    """
    points = np.asarray(centroids, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all():
        raise ModelError("centroids must be k rows of three finite numbers: recency, frequency, monetary value")
    if len(points) > len(ARCHETYPES):
        raise ModelError(f"{len(points)} segments, but only {len(ARCHETYPES)} personas: choose a smaller k")
    return points


def closest(points: Floats, places: Floats, cost: Floats | float = 0.0) -> Ints:
    """The place, shape (m, 3), that each point, shape (k, 3), is matched to; no place is taken twice, k <= m.

    The sum of weighted squared distances after ``arcsinh``, and of what the places ``cost`` besides, is least.
    """
    # scipy takes long to import: only what fits a model pays for it.
    from scipy.optimize import linear_sum_assignment

    difference = np.arcsinh(points)[:, None] - np.arcsinh(places)[None, :]
    _, columns = linear_sum_assignment((_WEIGHTS * difference**2).sum(axis=2) + cost)
    return np.asarray(columns, dtype=np.int64)


def blank_segment(archetype: Archetype) -> Segment:
    """The segment of an archetype, at its prototype."""
    return Segment(
        id=archetype.id,
        name=archetype.name,
        description=archetype.description,
        colour=archetype.colour,
        action=archetype.action,
        centroid=archetype.prototype,
    )
