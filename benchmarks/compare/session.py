"""A whole benchmark: what is measured in which order. The contenders take turns, so that all see the same machine."""

import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median
from typing import Literal

from benchmarks.compare import kills, latency, scale, throughput
from benchmarks.compare import pages as dashboard
from benchmarks.compare.contenders import BY_NAME, Contender
from benchmarks.compare.expected import Expected, expected
from benchmarks.compare.model import the_model
from benchmarks.compare.options import Options
from benchmarks.compare.replays import replay
from benchmarks.compare.results import Kill, Latency, Limit, PageTime, Replay, Scale, Throughput
from benchmarks.compare.run import topic
from benchmarks.compare.servers import Servers, running
from benchmarks.compare.tables import described
from benchmarks.compare.workload import END, Workload, messages
from models.units import to_micros
from segue.local.broker_kind import BrokerKind

#: The embedded broker keeps about 5 MB a partition.
MOST_INVOICES_EMBEDDED = 100_000
_ON_SERVERS = {"limits", "throughput", "latency", "kills", "scale"}
_LIMITS: tuple[Literal["decode", "postgres"], ...] = ("decode", "postgres")
_PUBLISHING = ("handwritten-publishing", "streams", "segue")
_KILLED = ("handwritten", "handwritten-publishing", "faust", "streams", "segue")


@dataclass
class Session:
    """What has been measured so far; an interruption keeps it."""

    options: Options
    folder: Path
    throughput: list[Throughput] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    latency: list[Latency] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    scale: list[Scale] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    pages: list[PageTime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._expected = cache(self._compute)

    def measure(self) -> None:
        """Measure everything that the options ask for."""
        for kind in self.options.brokers:
            broker: BrokerKind = "apache" if kind == "apache" else "embedded"
            if _ON_SERVERS.intersection(self.options.kinds):
                say(f"starting Postgres and the {kind} broker")
                with running(self.folder / kind, broker) as servers:
                    self._on(servers)
            if "replay" in self.options.kinds:
                self._measure_replays(broker)
        if "pages" in self.options.kinds:
            self._measure_pages()

    def _on(self, servers: Servers) -> None:
        kinds = self.options.kinds
        for invoices in self._sizes(servers.kind):
            with topic(servers) as plain, topic(servers) as ticking:
                say(f"building two logs of {invoices:,} invoices, one of them with a tick a day")
                servers.fill(plain, messages(self._file(invoices)))
                servers.fill(ticking, messages(self._file(invoices), ticks=True))
                if "limits" in kinds:
                    self._measure_limits(servers, plain)
                if "throughput" in kinds:
                    self._measure_throughput(servers, plain, ticking, invoices)
                # Once is enough for those below, on the smallest log and the best broker that there is.
                if "kills" in kinds and self._is_first(servers.kind, invoices):
                    self._measure_kills(servers, plain, invoices)
        if "latency" in kinds and servers.kind == self.options.brokers[0]:
            self._measure_latency(servers)
        if "scale" in kinds and servers.kind == self.options.brokers[0]:
            self._measure_scale(servers)

    def _measure_limits(self, servers: Servers, log: str) -> None:
        for kind in _LIMITS:
            found = throughput.limit(kind, servers, log)
            self.limits.append(found)
            say(f"limit {kind}, {servers.kind}: {found.transactions_per_second:,.0f} transactions/s")

    def _measure_throughput(self, servers: Servers, plain: str, ticking: str, invoices: int) -> None:
        for number in range(1, self.options.rounds + 1):
            for contender in self._contenders(servers.kind):
                log = ticking if contender.ticks else plain
                result = self._expected(invoices, contender.decay, contender.ticks)
                found = throughput.measure(contender, servers, log, invoices, result)
                self.throughput.append(found)
                say(
                    f"round {number} of {self.options.rounds}, {servers.kind}, {invoices:,} invoices, "
                    f"{contender.title}: {found.transactions_per_second:,.0f} transactions/s; {described(found.faults)}"
                )

    def _measure_kills(self, servers: Servers, log: str, invoices: int) -> None:
        for contender in self._contenders(servers.kind, _KILLED):
            result = self._expected(invoices, contender.decay, False)
            found = kills.measure(contender, servers, log, invoices, result, self.options.kills)
            self.kills.append(found)
            say(f"killed in the middle, {servers.kind}, {contender.title}: {described(found.faults)}")

    def _measure_latency(self, servers: Servers) -> None:
        invoices = self.options.invoices[-1]
        for contender in self._contenders(servers.kind, _PUBLISHING):
            for rate in self._rates(servers.kind):
                # The warm-up needs some invoices, too.
                seconds = min(self.options.seconds, 0.9 * invoices / rate)
                source = messages(self._file(invoices))
                found = latency.measure(contender, servers, source, rate, seconds)
                self.latency.append(found)
                say(f"{rate:,}/s, {servers.kind}, {contender.title}: p50 {found.p50:.0f} ms, p99 {found.p99:.0f} ms")

    def _measure_scale(self, servers: Servers) -> None:
        populations = sorted({scale.BUYERS, self.options.population})
        for customers in populations * self.options.rounds:
            say(f"filling a database with {customers:,} customers")
            found = scale.measure(servers, customers, self.options.invoices[0])
            self.scale.append(found)
            say(
                f"{customers:,} customers: {found.transactions_per_second:,.0f} transactions/s, "
                f"start {found.start:.1f} s, tick {found.tick:.0f} ms"
            )

    def _measure_replays(self, broker: BrokerKind) -> None:
        for _ in range(self.options.rounds):
            found = replay(self.options.dataset, broker)
            self.replays.append(found)
            say(
                f"replay of {found.dataset}, {broker}: {found.transactions_per_second:,.0f} transactions/s, "
                f"{found.differences:,} differences"
            )

    def _measure_pages(self) -> None:
        say(f"drawing the pages of the dashboard with {self.options.population:,} customers")
        self.pages.extend(dashboard.pages(self.options.population))
        slowest = max(self.pages, key=lambda page: page.p95)
        say(f"the slowest page is {slowest.page}: p95 {slowest.p95:.0f} ms")

    def _contenders(self, kind: str, among: tuple[str, ...] = tuple(BY_NAME)) -> list[Contender]:
        chosen = [BY_NAME[name] for name in among if name in self.options.contenders]
        return [contender for contender in chosen if kind in contender.brokers]

    def _rates(self, kind: str) -> list[int]:
        """The rates that were asked for, and half of what Segue has reached, if that was measured."""
        reached = [
            run.transactions_per_second for run in self.throughput if (run.contender, run.broker) == ("segue", kind)
        ]
        half = [int(median(reached) / 2)] if reached and self.options.half_rate else []
        return sorted({*self.options.rates, *half})

    def _sizes(self, kind: str) -> list[int]:
        sizes = self.options.invoices
        if kind == "embedded" and sizes[-1] > MOST_INVOICES_EMBEDDED:
            say(
                f"the embedded broker keeps 5 MB a partition: logs of more than {MOST_INVOICES_EMBEDDED:,} invoices "
                "are left out there"
            )
        return [size for size in sizes if kind != "embedded" or size <= MOST_INVOICES_EMBEDDED]

    def _is_first(self, kind: str, invoices: int) -> bool:
        return kind == self.options.brokers[0] and invoices == self._sizes(kind)[0]

    def _file(self, invoices: int) -> Path:
        file = self.folder / f"invoices-{invoices}.ndjson"
        if not file.exists():
            say(f"making {invoices:,} invoices of {self.options.customers:,} customers")
            Workload(invoices, self.options.customers).write(file)
        return file

    def _compute(self, invoices: int, decay: bool, ticks: bool) -> Expected:
        say(f"computing the result independently{' with decay' * decay}{' and ticks' * ticks}")
        return expected(self._file(invoices), the_model(), decay, to_micros(END) if ticks else 0)


def say(line: str) -> None:
    """Show progress, on standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
