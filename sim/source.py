"""The transactions topic of a history: what producers write into it, and how it is lost, cut and made again."""

from collections.abc import Callable

from sim.kafka.broker import Broker
from sim.postgres.server import PostgresServer
from sim.workload import PARTITIONS, TOPIC, Arrival
from sim.world import World

_POLL_SECONDS = 0.25


class SimulatedSource:
    """Writes what arrives. ``is_reread`` says whether workers may have read a part of the log again."""

    def __init__(self, world: World, broker: Broker, server: PostgresServer) -> None:
        self._world, self._broker, self._server, self._loop = world, broker, server, world.loop
        self.is_reread = False
        # Producers whose transaction is open, all that was written, and what waits until the log can be written to.
        self._open: set[int | None] = set()
        self._written: list[tuple[Arrival, int | None]] = []
        self._held: list[Callable[[], None]] | None = None

    @property
    def can_write(self) -> bool:
        """Whether producers can write to the log."""
        return self._held is None

    def arrive(self, arrival: Arrival) -> None:
        """Records arrive, now or when the log can be written to again."""
        if self._held is not None:
            self._held.append(lambda: self.arrive(arrival))
            return
        producer_id = None if arrival.mode == "plain" else 1_000_000 + len(self._written)
        self._written.append((arrival, producer_id))
        self._write(arrival, producer_id)
        if producer_id is not None:
            self._open.add(producer_id)
            self._loop.call_later(arrival.ends_at - arrival.at, self._end, arrival, producer_id)

    def _write(self, arrival: Arrival, producer_id: int | None) -> None:
        place, contents = (TOPIC, arrival.partition), [entry.content for entry in arrival.entries]
        if producer_id is None:
            self._broker.append(place, contents)
        else:
            self._broker.append(place, contents, producer_id, transactional=True)

    def _end(self, arrival: Arrival, producer_id: int) -> None:
        if self._held is not None:
            self._held.append(lambda: self._end(arrival, producer_id))
            return
        self._open.discard(producer_id)
        self._broker.mark((TOPIC, arrival.partition), producer_id, arrival.mode == "committed")

    def _hold(self) -> None:
        """Nobody can write to the log from now on."""
        self._held = []

    def _let_write(self) -> None:
        """What was held back is written now."""
        held, self._held = self._held or [], None
        for each in held:
            each()

    def recreate(self, seconds: float) -> None:
        """Delete the topic; make it again later, and send again what had been sent once the workers have noticed.

        A worker notices within 20 s. Until then it would read a filled topic from its old next offset on.
        """
        self._broker.delete(TOPIC, PARTITIONS)
        self._world.reach("the topic was gone")
        self.is_reread = True
        self._hold()

        def create() -> None:
            self._broker.create(TOPIC, PARTITIONS)
            self._world.trace("the topic is there again, and empty", shown=True)
            send_again()

        def send_again() -> None:
            behind = "SELECT count(*) FROM stream_progress WHERE next_offset > 0 AND log_id NOT LIKE %s"
            if self._server.rows(behind, f"sim/{self._broker.topic_ids[TOPIC]}%")[0][0]:
                self._loop.call_later(_POLL_SECONDS, send_again)
                return
            self._send_again(lambda _: True)

        self._loop.call_later(seconds, create)

    def truncate(self, share: float, seconds: float) -> None:
        """Lose the end of one partition of the log: it comes back later, or its producers send it again.

        They wait until the worker has noticed, as docs/reliability.md asks of them.
        """
        partition = int(share * 1_000) % PARTITIONS
        log = self._broker.logs[TOPIC, partition]
        count = int(share * (len(log.batches) + 1))
        lost = log.cut(count)
        self._world.trace(f"partition {partition} of the log loses {count} batches", shown=True)
        self.is_reread = True
        self._hold()

        def get_back() -> None:
            log.get_back(lost)
            self._world.trace(f"partition {partition} of the log has its end again", shown=True)
            self._let_write()

        def send_again() -> None:
            applied = self._server.rows("SELECT next_offset FROM stream_progress WHERE partition = %s", partition)
            if applied and applied[0][0] > log.end:
                self._loop.call_later(_POLL_SECONDS, send_again)
                return
            self._world.reach("the lost end of the log was sent again")
            # Each record has a timestamp of its own.
            gone = {record.timestamp for batch in lost for record in batch.records}
            self._send_again(lambda arrival: any(entry.content.timestamp in gone for entry in arrival.entries))

        comes_back = int(share * 10_000) % 2 == 0
        self._loop.call_later(seconds, get_back if comes_back else send_again)

    def _send_again(self, is_lost: Callable[[Arrival], bool]) -> None:
        """Producers send again what the log has lost, and continue."""
        self._world.trace("what was lost is sent again", shown=True)
        for arrival, producer_id in self._written:
            if not is_lost(arrival):
                continue
            if producer_id in self._open:
                self._write(arrival, producer_id)
            elif arrival.mode != "aborted":
                self._write(arrival, None)
        self._let_write()

    def shorten(self, share: float) -> None:
        """Retention deletes a part of what has been applied."""
        for partition, applied in self._server.rows("SELECT partition, next_offset FROM stream_progress ORDER BY 1"):
            self._broker.logs[TOPIC, partition].shorten(int(applied * share))
            self._world.reach("retention has deleted records")
