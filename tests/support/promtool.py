"""Prometheus's own tool, which evaluates the alerting rules; tests that need it are skipped without it."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.support.yaml_files import parsed

RULES = Path(__file__).parents[2] / "deploy" / "alerts.yaml"
PROMTOOL = os.environ.get("SEGUE_TEST_PROMTOOL") or shutil.which("promtool")
NEEDS_PROMTOOL = pytest.mark.skipif(PROMTOOL is None, reason="promtool is missing (Debian: prometheus)")
STEP_SECONDS = 15

Series = Mapping[str, Sequence[float]]


def promtool(*arguments: str) -> str:
    """What promtool prints; it must succeed."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scrape(registry: CollectorRegistry) -> dict[str, float]:
    """The value of every sample of a registry, by name and labels, as a worker at one address has them."""
    found = {}
    for family in registry.collect():
        for sample in family.samples:
            labels = {"instance": "worker", "job": "segue-worker"} | sample.labels
            shown = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
            found[f"{sample.name}{{{shown}}}"] = sample.value
    return found


def together(scrapes: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """The series that scrapes at regular intervals make; those that are not in all scrapes are left out."""
    names = set.intersection(*(set(each) for each in scrapes))
    return {name: [each[name] for each in scrapes] for name in sorted(names)}


def firing(series: Series, alert: str, folder: Path) -> bool:
    """Whether an alert fires at the end of the series, whose values are 15 seconds apart."""
    steps = max(map(len, series.values()), default=1) - 1
    query = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    inputs = [
        {"series": name, "values": " ".join(f"{value!r}" for value in map(float, values))}
        for name, values in series.items()
    ]
    fires = {"expr": f"{query} > bool 0", "eval_time": f"{steps * STEP_SECONDS}s"}
    outcomes = []
    for samples in ([{"labels": "{}", "value": 1}], []):
        test = {
            "interval": f"{STEP_SECONDS}s",
            "input_series": inputs,
            "promql_expr_test": [fires | {"exp_samples": samples}],
        }
        path = folder / "test.yaml"
        path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [test]}))
        done = subprocess.run([str(PROMTOOL), "test", "rules", str(path)], capture_output=True, text=True, check=False)
        outcomes.append(done.returncode == 0)
    assert sum(outcomes) == 1, done.stdout + done.stderr
    return outcomes[0]


def alerts() -> dict[str, str]:
    """The expression of each alert."""
    groups = parsed(RULES.read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
