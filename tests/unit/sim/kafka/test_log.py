"""A partition of the simulated log: what is open, committed and aborted, and what it can lose."""

from sim.kafka.log import ProducedContent, SimulatedLog


def contents(*values: bytes) -> list[ProducedContent]:
    return [ProducedContent(b"k", value, 0) for value in values]


def read(log: SimulatedLog, offset: int = 0) -> tuple[list[bytes | None], int]:
    records, position = log.committed(offset)
    return [record.value for record in records], position


def test_readers_of_committed_records_stop_at_the_first_open_transaction() -> None:
    log = SimulatedLog()
    log.append(contents(b"1"))
    log.append(contents(b"2"), 7, transactional=True)
    log.append(contents(b"3"))
    assert (log.stable_end, log.end) == (1, 3)
    assert read(log) == ([b"1"], 1)
    log.mark(7, commit=True, timestamp=0)
    assert read(log) == ([b"1", b"2", b"3"], 4)


def test_aborted_records_are_passed_and_markers_are_never_delivered() -> None:
    log = SimulatedLog()
    log.append(contents(b"1", b"2"), 7, transactional=True)
    log.mark(7, commit=False, timestamp=0)
    log.append(contents(b"3"))
    assert read(log) == ([b"3"], 4)
    assert read(log, 1) == ([b"3"], 4)


def test_a_marker_ends_everything_that_its_producer_has_open() -> None:
    log = SimulatedLog()
    log.append(contents(b"1"), 7, transactional=True)
    log.append(contents(b"2"), 8, transactional=True)
    log.append(contents(b"3"), 7, transactional=True)
    log.mark(7, commit=True, timestamp=0)
    assert log.stable_end == 1
    log.mark(8, commit=False, timestamp=0)
    assert read(log)[0] == [b"1", b"3"]


def test_a_log_loses_its_end_and_gets_it_back() -> None:
    log = SimulatedLog()
    for value in (b"1", b"2", b"3"):
        log.append(contents(value))
    lost = log.cut(2)
    assert (log.end, read(log)[0]) == (1, [b"1"])
    log.get_back(lost)
    assert read(log) == ([b"1", b"2", b"3"], 3)


def test_retention_deletes_whole_batches_and_offsets_stay() -> None:
    log = SimulatedLog()
    log.append(contents(b"1", b"2"))
    log.append(contents(b"3"))
    log.shorten(1)
    assert log.first_offset == 0
    log.shorten(2)
    assert (log.first_offset, log.end, read(log)) == (2, 3, ([b"3"], 3))
