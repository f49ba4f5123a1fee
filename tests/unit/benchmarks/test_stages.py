"""The table of the CPU of a transaction."""

from benchmarks.stages.tables import HAND_WRITTEN, Sample, markdown, medians


def sample(name: str, decode: float, postgres: float, digest: str = "a") -> Sample:
    return Sample(name, {"decode": decode, "save": 1.0}, {"KNOWN": 2.0, "CLAIM": 0.01}, postgres, 500.0, digest)


def test_a_round_with_other_work_on_the_machine_does_not_decide() -> None:
    (found,) = medians([sample("5,000", 3.0, 9.0), sample("5,000", 300.0, 900.0), sample("5,000", 2.0, 8.0)])
    assert (found.python, found.postgres) == ({"decode": 3.0, "save": 1.0}, 9.0)


def test_rounds_with_different_results_show_both_digests() -> None:
    (found,) = medians([sample("5,000", 3.0, 9.0, "b"), sample("5,000", 3.0, 9.0, "a")])
    assert found.digest == "a, b"


def test_each_size_is_shown_beside_the_hand_written_loop() -> None:
    lines = markdown([sample(HAND_WRITTEN, 1.0, 2.0), sample("5,000", 3.0, 6.0)]).splitlines()
    assert lines[0] == "| CPU a transaction, us | hand-written | 5,000 |"
    assert "| - decode | 1.0 | 3.0 |" in lines
    assert "| Python and Postgres | 4.0 | 10.0 |" in lines
    assert "| / hand-written | 1.00x | 2.50x |" in lines


def test_a_statement_that_costs_nothing_to_speak_of_is_not_shown() -> None:
    assert "CLAIM" not in markdown([sample("5,000", 3.0, 6.0)])
