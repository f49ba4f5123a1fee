"""Compare Segue with other ways to do the same work: ``python -m benchmarks.compare [--quick] [--json]``.

Starts a Postgres and one broker after the other in a temporary folder, and lets the contenders take turns on the same
invoices. Every result is compared with an independent computation. Ctrl-C, or a part that fails, ends everything and
prints what has been measured by then. Apache Kafka and Kafka Streams need Java 17 or newer and Maven; without them, use
``--brokers embedded``.
"""

import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil
import psycopg
from confluent_kafka import KafkaException

from benchmarks.compare import history, java
from benchmarks.compare.options import Options, parse
from benchmarks.compare.results import Machine, Report, from_json
from benchmarks.compare.session import Session, say
from benchmarks.compare.tables import markdown
from runtime.errors import SegueError
from segue.local.apache.java import JavaError

_FAILURES = (SegueError, RuntimeError, KafkaException, psycopg.Error)


def main() -> int:
    """Measure and print; the exit code is 1 if a result of Segue was wrong or a part failed, and 130 after Ctrl-C."""
    options = parse(sys.argv[1:], __doc__)
    try:
        if options.read is not None:
            sys.stdout.write(markdown(_read(options.read)))
            return 0
        return _measure(options)
    except KeyboardInterrupt:
        return 130
    except JavaError as error:
        raise SystemExit(f"error: {error}; or leave Apache Kafka out with --brokers embedded") from None
    except _FAILURES as error:
        raise SystemExit(f"error: {_line(error)}") from None


def _measure(options: Options) -> int:
    if "apache" in options.brokers and set(options.kinds) - {"replay", "pages"}:
        say("compiling the Kafka Streams contender, if that is new")
        java.streams_command()
    at, machine, ended_early = datetime.now(UTC), _machine(), 0
    with tempfile.TemporaryDirectory(prefix="segue-benchmark-", ignore_cleanup_errors=True) as folder:
        session = Session(options, Path(folder))
        try:
            session.measure()
        except KeyboardInterrupt:
            ended_early = 130
            say("interrupted: what has been measured so far")
        except JavaError:
            raise
        except _FAILURES as error:
            ended_early = 1
            say(f"error: {_line(error)}; what has been measured so far")
    report = Report(
        at=at.isoformat(timespec="seconds"),
        command=options.command,
        commit=_commit(),
        machine=machine,
        rounds=options.rounds,
        throughput=session.throughput,
        limits=session.limits,
        latency=session.latency,
        kills=session.kills,
        scale=session.scale,
        replays=session.replays,
        pages=session.pages,
    )
    _print(options, report, complete=not ended_early)
    return ended_early or int(not _right(report))


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _right(report: Report) -> bool:
    """Whether all results of Segue are exact."""
    found = [(run.contender, run.faults) for run in report.throughput]
    found += [(run.contender, run.faults) for run in report.kills]
    exact = all(faults.exact for contender, faults in found if contender.startswith("segue"))
    return exact and not any(replay.differences for replay in report.replays)


def _print(options: Options, report: Report, complete: bool) -> None:
    entries = [] if options.history is None else history.read(options.history)
    if options.json:
        sys.stdout.buffer.write(report.json() + b"\n")
    else:
        sys.stdout.write(markdown(report, history.compared(entries, report) if entries else ()))
    sys.stdout.flush()
    if options.history is not None and complete:
        history.append(options.history, report)


def _read(file: Path) -> Report:
    try:
        return from_json(file.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise SegueError(f"{file} is not the --json output of a benchmark: {error}") from error


def _machine() -> Machine:
    memory = psutil.virtual_memory().total / 2**30
    return Machine(
        os.cpu_count() or 1,
        memory,
        platform.python_version(),
        f"{platform.system()} {platform.machine()}",
        os.getloadavg()[0],
    )


def _commit() -> str:
    """The commit of the checkout; empty outside of one."""
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
