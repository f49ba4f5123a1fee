"""What must be true of the dead letter topic: it gets what Postgres has committed, and all of it."""

from collections.abc import Iterator

from sim.kafka.broker import Broker, Place
from sim.kafka.log import SimulatedRecord
from sim.postgres.server import PostgresServer
from sim.world import World

# An erasure deletes its customer's dead letters, which may still be on their way.
_COMMITTED = """
SELECT EXISTS (SELECT FROM dead_letters WHERE log_id = %s AND partition = %s AND "offset" = %s
    AND key IS NOT DISTINCT FROM %s AND value IS NOT DISTINCT FROM %s)
  OR EXISTS (SELECT FROM erasures)
"""
_MARKED = 'SELECT log_id, partition, "offset" FROM dead_letters WHERE published ORDER BY 1, 2, 3'

Letter = tuple[str, int, int]
"""The log id, the partition and the offset of a dead letter."""


class LetterWatch:
    """Follows the dead letter topic, and compares it with Postgres at every step."""

    def __init__(self, world: World, broker: Broker, topic: str, server: PostgresServer) -> None:
        self._world, self._broker, self._topic, self._server = world, broker, topic, server
        self._offsets: dict[Place, int] = {}
        self._published: set[Letter] = set()
        self._next = broker.on_visible
        broker.on_visible = self._look

    def _look(self, place: Place) -> None:
        self._next(place)
        if place[0] != self._topic:
            return
        records, self._offsets[place] = self._broker.logs[place].committed(self._offsets.get(place, 0))
        for record in records:
            headers = {name: (value or b"") for name, value in record.headers}
            log_id = headers["segue-log-id"].decode()
            letter = (log_id, int(headers["segue-partition"]), int(headers["segue-offset"]))
            if letter not in self._published and not self._is_committed(letter, record):
                self._world.problem(f"the dead letter {letter} is in its topic and was never committed like that")
            self._published.add(letter)

    def _is_committed(self, letter: Letter, record: SimulatedRecord) -> bool:
        # A copy of Postgres may be from before the dead letter.
        set_back = "Postgres was set back" in self._world.reached
        return set_back or bool(self._server.rows(_COMMITTED, *letter, record.key, record.value)[0][0])

    def missing(self) -> Iterator[str]:
        """The dead letters that are marked as published and are not in their topic."""
        for letter in self._server.rows(_MARKED):
            if letter not in self._published:
                yield f"the dead letter {letter} counts as published and is not in its topic"
