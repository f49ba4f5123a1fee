"""The example configuration of Prometheus fits the alerting rules, and Prometheus accepts it."""

from pathlib import Path

from tests.support.promtool import NEEDS_PROMTOOL, RULES, promtool
from tests.support.yaml_files import parsed

EXAMPLE = Path(__file__).parents[2] / "deploy" / "prometheus.yaml"
CONFIG = parsed(EXAMPLE.read_text())


def test_it_loads_the_rules_and_scrapes_the_job_that_they_name() -> None:
    assert CONFIG["rule_files"] == [RULES.name]
    jobs = {job["job_name"] for job in CONFIG["scrape_configs"]}
    assert 'job="segue-worker"' in RULES.read_text()
    assert "segue-worker" in jobs


@NEEDS_PROMTOOL
def test_prometheus_accepts_it() -> None:
    promtool("check", "config", str(EXAMPLE))
