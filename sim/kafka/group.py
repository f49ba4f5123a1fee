"""The consumer group: who is a member, and who gets which partitions."""

import asyncio
from dataclasses import dataclass

from sim.kafka.broker import Broker
from sim.world import World

_POLL_SECONDS = 0.1
_REBALANCE_SECONDS = 4.0
_GATHER_SECONDS = 0.05


@dataclass(slots=True)
class _Member:
    seen: float
    joining: "asyncio.Future[tuple[int, set[int]]] | None" = None


class SimulatedGroup:
    """A group that assigns all partitions anew whenever a member comes or goes."""

    def __init__(self, world: World, broker: Broker, partitions: int, session_timeout: float) -> None:
        self._world, self._broker, self._partitions, self._session = world, broker, partitions, session_timeout
        self._members: dict[str, _Member] = {}
        self._generation = 0
        self._rebalancing_since: float | None = None
        self._deaf: dict[str, float] = {}
        self._look()

    def _look(self) -> None:
        now = self._world.now
        for name, member in list(self._members.items()):
            if member.joining is None and now - member.seen > self._session:
                self._drop(name)
        self._complete_if_ready()
        self._world.loop.call_later(_POLL_SECONDS, self._look, context=self._broker.outside)

    def _drop(self, name: str) -> None:
        self._world.trace(f"group: {name} is no member any more")
        del self._members[name]
        self.rebalance()

    def rebalance(self) -> None:
        """Have all members join again."""
        if self._rebalancing_since is None:
            self._rebalancing_since = self._world.now

    def expel(self, share: float, seconds: float) -> None:
        """Drop a member, which does not notice for some seconds."""
        names = sorted(name for name, member in self._members.items() if member.joining is None)
        if not names:
            return
        name = names[int(share * len(names))]
        self._deaf[name] = self._world.now + seconds
        self._drop(name)

    def _complete_if_ready(self) -> None:
        since = self._rebalancing_since
        if since is None or not self._members:
            return
        waited = self._world.now - since
        late = [name for name, member in self._members.items() if member.joining is None]
        if waited < _GATHER_SECONDS or (late and waited < _REBALANCE_SECONDS):
            return
        for name in late:
            del self._members[name]
        self._rebalancing_since = None
        self._generation += 1
        names = sorted(self._members)
        turn = self._world.chance.randrange(len(names)) if names else 0
        for at, name in enumerate(names):
            member = self._members[name]
            own = {p for p in range(self._partitions) if (p + turn) % len(names) == at}
            member.seen = self._world.now
            if member.joining is not None and not member.joining.done():
                member.joining.set_result((self._generation, own))
            member.joining = None
        self._world.trace(f"group: generation {self._generation} of {', '.join(names)}", shown=True)

    def join(self, name: str) -> "asyncio.Future[tuple[int, set[int]]]":
        """Join; the result is the generation and the assigned partitions."""
        member = self._members.setdefault(name, _Member(self._world.now))
        member.joining = self._world.loop.create_future()
        member.seen = self._world.now
        self.rebalance()
        return member.joining

    def leave(self, name: str) -> None:
        """A member says goodbye."""
        if name in self._members:
            self._drop(name)

    def heartbeat(self, name: str, generation: int) -> bool:
        """Whether a member may go on; otherwise it has to join again."""
        if self._deaf.get(name, 0.0) > self._world.now or self._broker.is_away:
            return True
        member = self._members.get(name)
        if member is None:
            return False
        member.seen = self._world.now
        return generation == self._generation and self._rebalancing_since is None
