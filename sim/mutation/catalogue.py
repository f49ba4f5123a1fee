"""All mutations."""

from sim.mutation.claims import CLAIMS
from sim.mutation.core import CORE
from sim.mutation.log import LOG
from sim.mutation.mutation import Mutation
from sim.mutation.outbox import OUTBOX
from sim.mutation.risk import RISK
from sim.mutation.windows import WINDOWS

MUTATIONS: tuple[Mutation, ...] = (*CLAIMS, *LOG, *CORE, *OUTBOX, *RISK, *WINDOWS)


def named(name: str) -> list[Mutation]:
    """The mutations whose name contains a text."""
    return [mutation for mutation in MUTATIONS if name.lower() in mutation.name.lower()]
