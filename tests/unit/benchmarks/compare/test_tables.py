"""A report as Markdown."""

from benchmarks.compare.history import Compared
from benchmarks.compare.results import Faults, Kill
from benchmarks.compare.tables import described, markdown
from tests.support.benchmark_reports import EXACT, a_run, many, report

FULL = report(
    [a_run("segue", 5_000.0), a_run("handwritten", 10_000.0, faults=Faults(1, 0, 1, 0, 0))],
    kills=[Kill("handwritten", "apache", 100_000, Faults(4_942, 0, 970, 0, 217))],
    scale=[many(10_000)],
)


def test_it_begins_with_machine_and_command() -> None:
    assert markdown(FULL).startswith(
        "2026-11-28T12:00:00+00:00, commit abc1234: 2 cores, 24 GiB of memory, Python 3.11.7"
    )
    assert "\n    python -m benchmarks.compare\n" in markdown(FULL)


def test_a_contender_is_shown_with_its_ratio_and_whether_its_result_was_exact() -> None:
    lines = markdown(FULL).splitlines()
    assert any(line.startswith("| apache | 100,000 | Segue | 5,000 | 0.50x |") and "exact" in line for line in lines)
    assert any(line.startswith("| apache | 100,000 | hand-written loop |") and "**wrong**" in line for line in lines)


def test_one_wrong_round_makes_a_contender_wrong() -> None:
    wrong = Faults(0, 1, 1, 0, 0)
    runs = [a_run("segue", 5_000.0), a_run("segue", 6_000.0, faults=wrong), a_run("segue", 9_000.0)]
    (line,) = [line for line in markdown(report(runs)).splitlines() if line.startswith("| apache | 100,000 | Segue |")]
    assert line.startswith("| apache | 100,000 | Segue | 6,000 |")
    assert "**wrong**" in line


def test_only_sections_with_measurements_are_shown() -> None:
    assert "### From produce to change readable" not in markdown(FULL)
    assert "### Killed in the middle" in markdown(FULL)
    assert "###" not in markdown(report())


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    text = markdown(FULL, [Compared("speed", None, 1.0, None)])
    for section in text.split("### ")[1:]:
        cells = {line.count("|") for line in section.splitlines() if line.startswith("|")}
        assert len(cells) == 1, section


def test_faults_are_described_in_words() -> None:
    assert described(EXACT) == "exact: nothing lost, nothing doubled"
    assert (
        described(Faults(4_942, 0, 970, 0, 217)) == "4,942 sales counted twice, 970 customers wrong, 217 changes wrong"
    )
