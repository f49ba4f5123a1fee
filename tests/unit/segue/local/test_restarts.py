"""A process that dies is started again soon; one that goes on dying young, later and later."""

from segue.local.restarts import LONG_LIFE, Restart


def _waits(lives: list[float]) -> list[float]:
    """How long it takes after each of some lives until it is started again."""
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


def test_the_first_death_is_followed_by_a_start_half_a_second_later() -> None:
    assert _waits([0.0]) == [0.5]
    assert _waits([1_000.0]) == [0.5]


def test_waits_grow_up_to_ten_seconds_while_it_dies_young() -> None:
    assert _waits([1.0] * 7) == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_long_life_makes_up_for_deaths_before_it() -> None:
    assert _waits([1.0, 1.0, 1.0, LONG_LIFE, 1.0]) == [0.5, 1.0, 2.0, 0.5, 1.0]


def test_what_runs_is_not_due() -> None:
    restart = Restart(0.0)
    assert not restart.due(1_000.0)
