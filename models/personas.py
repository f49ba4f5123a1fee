"""Personas: the names that marketers give to the segments that KMeans finds.

Every persona has a prototype, a typical point in standardised R, F, M space. All centroids are matched to prototypes at
once, at the least total distance (a linear assignment problem). A name therefore depends on the location of a centroid
and on the other centroids, and never on the number that KMeans gave to the cluster.

Distances are measured after ``arcsinh``, which is linear around the mean and logarithmic far from it. On a raw money
scale the few biggest spenders are 30 standard deviations from the mean, and without ``arcsinh`` their distance would
dominate the sum that decides all names.
"""

import msgspec
import numpy as np
from msgspec import Struct

from models.segment_model import INACTIVE, ModelError, Point, Segment
from models.units import Floats, Ints


class Archetype(Struct, frozen=True):
    """A persona that is not yet matched to a cluster.

    Parameters
    ----------
    colour
        Distinguishable from all others under every common colour blindness, on white and on black.
    prototype
        Standardised recency, frequency, monetary value.
    good
        Whether a customer who leaves this segment for one of a lower rank is slipping.
    """

    id: str
    name: str
    description: str
    colour: str
    action: str
    prototype: Point
    good: bool


# Ordered from the best customers to the worst: the index of an archetype is its rank. Texts and colours are part of a
# model's version (models.segment_model), so a changed text gives every new fit another version. Prototypes were set by
# judgement; benchmarks/persona_evidence.py measures how far they can move before a name changes (docs/models.md).
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

#: The customers of a model with a window who have bought, but not in the window. No centroid is ever matched to it.
INACTIVE_ARCHETYPE = Archetype(
    INACTIVE,
    "Inactive",
    "No order within the window.",
    "#71738d",
    "Write to them when there is a reason to come back, and keep the budget for those who are still here.",
    (1.2, -1.2, -1.2),
    good=False,
)

#: Weights of recency, frequency and monetary value in the distance that decides the names. Recency counts threefold,
#: because a name must not be wrong about whether a customer is still active. Evidence: benchmarks/persona_evidence.py,
#: shown in docs/models.md.
WEIGHTS: Floats = np.array([3.0, 1.0, 1.0])

RANK = {archetype.id: rank for rank, archetype in enumerate((*ARCHETYPES, INACTIVE_ARCHETYPE))}
_GOOD = {archetype.id for archetype in ARCHETYPES if archetype.good}


def is_good(segment_id: str) -> bool:
    """Whether a customer should stay in a segment; False for an id that is no archetype's."""
    return segment_id in _GOOD


def is_slip(from_id: str | None, to_id: str) -> bool:
    """Whether a change leaves a good segment for one of a lower rank; a customer's first segment is never a slip.

    >>> is_slip("loyal", "at_risk"), is_slip("promising", "loyal"), is_slip(None, "lost")
    (True, False, False)
    """
    return from_id is not None and is_good(from_id) and to_id in RANK and RANK[to_id] > RANK[from_id]


def name_segments(centroids: Floats) -> tuple[Segment, ...]:
    """Give every centroid a persona, so that the total distance to the prototypes is least.

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

    Examples
    --------
    >>> centroids = np.array([[0.8, -0.8, -0.8], [-1.1, 1.5, 1.2], [-0.3, 0.0, 0.2]])
    >>> [segment.name for segment in name_segments(centroids)]
    ['Champions', 'Need Attention', 'Lost']
    """
    points = checked_points(centroids)
    persona = match(points, np.array([archetype.prototype for archetype in ARCHETYPES]))
    return tuple(
        msgspec.structs.replace(blank_segment(ARCHETYPES[persona[row]]), centroid=tuple(points[row].tolist()))
        for row in np.argsort(persona)
    )


def checked_points(centroids: Floats) -> Floats:
    """The centroids as an array of shape (k, 3).

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


def match(points: Floats, prototypes: Floats, cost: Floats | float = 0.0, weights: Floats = WEIGHTS) -> Ints:
    """Match every point to a different prototype at the least total cost (a linear assignment problem).

    Parameters
    ----------
    points, prototypes
        Shapes (k, 3) and (m, 3), standardised recency, frequency and monetary value; k <= m.
    cost
        Shape (m,): added to the weighted squared distance, after ``arcsinh``, of whatever is matched to a prototype.
    weights
        Shape (3,): the weight of each feature's squared difference.

    Returns
    -------
    array of int
        Shape (k,): the row of the prototype that each point is matched to.

    References
    ----------
    Crouse, D. F. (2016). On implementing 2D rectangular assignment algorithms. IEEE Transactions on Aerospace and
    Electronic Systems 52(4); the algorithm of ``scipy.optimize.linear_sum_assignment``.

    Examples
    --------
    Both points are nearest to the first prototype, and only one of them can have it:

    >>> match(np.array([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]), np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])).tolist()
    [0, 1]
    """
    # Imported here because scipy is slow to import and only fits and drift observers need it.
    from scipy.optimize import linear_sum_assignment

    difference = np.arcsinh(points)[:, None] - np.arcsinh(prototypes)[None, :]
    _, columns = linear_sum_assignment((weights * difference**2).sum(axis=2) + cost)
    return np.asarray(columns, dtype=np.int64)


def blank_segment(archetype: Archetype) -> Segment:
    """The segment of an archetype, with the prototype as its centroid."""
    return Segment(
        id=archetype.id,
        name=archetype.name,
        description=archetype.description,
        colour=archetype.colour,
        action=archetype.action,
        centroid=archetype.prototype,
    )
