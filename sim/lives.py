"""The lives of simulated partitions: each transition is counted, and an event that is impossible is a problem."""

from sim.world import World
from stream_app.metrics import Metrics
from stream_app.partition_life import LifeError, Transition


class WatchedMetrics(Metrics):
    """The metrics of a simulated worker, whose world sees how the lives of its partitions go on."""

    def __init__(self, world: World) -> None:
        super().__init__(lambda: world.now)
        self._world = world

    def moved(self, partition: int, transition: Transition) -> None:
        """The life of a partition has gone on to another state."""
        super().moved(partition, transition)
        self._world.reach(str(transition))

    def failed(self, partition: int, error: Exception, in_a_row: int) -> None:
        """A partition backs off after a fault."""
        super().failed(partition, error, in_a_row)
        if isinstance(error, LifeError):
            self._world.problem(f"partition {partition}: {error}")
