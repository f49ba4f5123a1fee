"""What a contender loses or doubles if it is killed, and started again, while it applies a log."""

from benchmarks.compare.contenders import Contender
from benchmarks.compare.expected import Expected
from benchmarks.compare.results import Kill
from benchmarks.compare.run import Run
from benchmarks.compare.servers import Servers
from benchmarks.compare.verify import events, faults

# Fast, to kill just after a commit in Postgres: there a program that commits offsets later has not done so yet.
_KILL_POLL_SECONDS = 0.001
_END_POLL_SECONDS = 0.5


def measure(contender: Contender, servers: Servers, topic: str, invoices: int, expected: Expected, kills: int) -> Kill:
    """Apply a full log with ``kills`` kills at even distances, and compare the result."""
    with Run(contender, servers, topic) as run:
        run.start()
        for number in range(1, kills + 1):
            wanted = invoices * number // (kills + 1)
            run.wait(lambda wanted=wanted: run.applied() >= wanted, _KILL_POLL_SECONDS)  # type: ignore[misc]
            run.kill()
            run.start()
        run.wait(lambda: _at_end(run, invoices), _END_POLL_SECONDS)
        run.wait(lambda: not run.unpublished())
        run.stop()
        published = events(run.place) if contender.publishes else None
        return Kill(contender.name, servers.kind, invoices, faults(contender, run.place, expected, published))


def _at_end(run: Run, invoices: int) -> bool:
    """Whether the log is applied. Counts in Postgres do not say so for those who may count twice: their offsets do."""
    if run.contender.is_segue:
        return run.applied() >= invoices
    place = run.place
    end = sum(end for _, end in place.servers.offsets(place.topic))
    return place.servers.committed(place.topic, place.group) >= end
