"""A process that dies is restarted soon; one that keeps dying early, later and later."""

from segue.local.restarts import LONG_LIFE, Restart


def _waits(lives: list[float]) -> list[float]:
    """Return the seconds between each death and the restart, for runs of these lengths."""
    now, waits = 100.0, []
    restart = Restart(now)
    for life in lives:
        now += life
        assert restart.died(now)
        died = now
        while not restart.due(now):
            assert not restart.died(now)
            now += 0.125
        waits.append(now - died)
        restart.started(now)
    return waits


def test_the_first_restart_is_half_a_second_after_the_death() -> None:
    assert _waits([0.0]) == [0.5]
    assert _waits([1_000.0]) == [0.5]


def test_waits_double_up_to_ten_seconds_while_the_process_dies_early() -> None:
    assert _waits([1.0] * 7) == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_long_run_resets_the_wait() -> None:
    assert _waits([1.0, 1.0, 1.0, LONG_LIFE, 1.0]) == [0.5, 1.0, 2.0, 0.5, 1.0]


def test_a_running_process_is_not_due_for_a_restart() -> None:
    restart = Restart(0.0)
    assert not restart.due(1_000.0)
