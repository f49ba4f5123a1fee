"""The documentation is complete and its links work: a test names what is missing, outdated or unreachable."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import click
import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from runtime.settings import Settings
from segue.cli.app import command_line
from services.alerts.health import AlertHealth
from services.clock.health import ClockHealth
from services.drift.metrics import DriftMetrics
from services.ingest.health import IngestHealth
from services.webhooks.health import WebhookHealth
from stream_app.metrics import Metrics
from tests.support.builders import WebhookState

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FILES = sorted({*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")})
# What a reader finds documentation in, by path.
READ = [ROOT / "README.md", *(page for page in FILES if DOCS in page.parents)]
PAGES = {str(page.relative_to(ROOT)): page.read_text() for page in READ}
EVERYTHING = "\n".join(PAGES.values())

LONGEST_README = 130
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def commands(group: click.Group, path: str = "segue") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")  # type: ignore[arg-type]
        else:
            yield f"{path} {name}"


def row(name: str, field: FieldInfo) -> str:
    """A setting's row of the table in docs/settings.md."""
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    shown = "" if default is None else f"`{default}`"
    options = next((get_args(kind) for kind in _kinds(field.annotation) if get_origin(kind) is Literal), ())
    one_of = f" One of {', '.join(f'`{option}`' for option in options)}." if options else ""
    secret = any(kind is SecretStr for kind in _kinds(field.annotation))
    or_file = f" Or `SEGUE_{name.upper()}_FILE`." if secret else ""
    return f"| `SEGUE_{name.upper()}` | {shown} | {field.description}{one_of}{or_file} |"


def _kinds(annotation: object) -> tuple[object, ...]:
    return (annotation,) if get_origin(annotation) is Literal else (annotation, *get_args(annotation))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_table_as_it_is_in_the_code(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description, f"{name} has no description"
    wanted = row(name, field)
    assert wanted in PAGES["docs/settings.md"].splitlines(), f"docs/settings.md needs this row:\n{wanted}"


def test_the_table_has_no_setting_that_is_gone() -> None:
    documented = re.findall(r"^\| `SEGUE_(\w+)` \|", PAGES["docs/settings.md"], re.MULTILINE)
    assert {name.lower() for name in documented} == set(Settings.model_fields)


@pytest.mark.parametrize("command", list(commands(command_line())))
def test_every_command_is_mentioned(command: str) -> None:
    assert re.search(rf"\b{re.escape(command)}\b", EVERYTHING), f"neither README.md nor docs/ mentions `{command}`"


def test_every_command_that_is_mentioned_exists() -> None:
    known = set(commands(command_line()))
    groups = {command.rsplit(" ", 1)[0] for command in known}
    mentioned = set(re.findall(r"`(segue [a-z-]+(?: [a-z-]+)?)", EVERYTHING))
    unknown = {words for words in mentioned if words not in known | groups and " ".join(words.split()[:2]) not in known}
    assert unknown == set()


@pytest.mark.parametrize(
    "name", ["transactions", "changes", "risk_changes", "segments", "dead_letters", "drift", "campaigns"]
)
def test_every_topic_is_explained(name: str) -> None:
    topic = Settings.model_fields[f"{name}_topic"].default
    assert f"`{topic}`" in EVERYTHING


def test_every_metric_is_explained_with_its_type_and_no_other_is() -> None:
    metrics = Metrics()
    metrics.assigned(0)
    webhook = WebhookHealth(WebhookState())
    services = (DriftMetrics(), ClockHealth(), IngestHealth(), AlertHealth([]))
    registries = (metrics.registry, *(each.registry for each in services))
    families = [family for registry in registries for family in registry.collect()]
    found = {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in (*families, *webhook.collect())
    }
    labels = r"(?: by `\w+`(?: and `\w+`)?)?"
    documented = dict(re.findall(rf"^\| `(\w+)`{labels} \| (\w+) \|", PAGES["docs/metrics.md"], re.MULTILINE))
    assert documented == found


def test_the_page_of_metrics_says_of_the_threshold_of_drift_what_the_metric_says() -> None:
    helped = {family.name: family.documentation for family in DriftMetrics().registry.collect()}
    (row,) = [line for line in PAGES["docs/metrics.md"].splitlines() if line.startswith("| `segue_drift_threshold`")]
    assert f"| {helped['segue_drift_threshold']} Only for indices and `predictions`. |" in row


def test_metrics_follow_the_conventions_of_prometheus() -> None:
    for family in (*Metrics().registry.collect(), *DriftMetrics().registry.collect()):
        assert re.fullmatch(r"(segue|process)_[a-z_]+", family.name)
        assert family.documentation.endswith(".")
        # Base units, at the end of the name; `_total` is what a counter's samples end with.
        assert not re.search(r"(_ms|_millis|_minutes|_count|_total)$", family.name)


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", page.read_text())


def links(page: Path) -> list[str]:
    """The targets of a page's links to other places in the project."""
    return [target for target in _LINK.findall(prose(page)) if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", FILES, ids=[str(page.relative_to(ROOT)) for page in FILES])
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_index_leads_to_every_page() -> None:
    indexes = {DOCS / "README.md", DOCS / "decisions" / "README.md"}
    reached = {(index.parent / link.partition("#")[0]).resolve() for index in indexes for link in links(index)}
    missing = {page for page in FILES if DOCS in page.parents} - reached - indexes
    assert {str(page.relative_to(ROOT)) for page in missing} == set()


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= LONGEST_README
