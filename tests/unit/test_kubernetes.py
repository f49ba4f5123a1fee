"""What deploy/kubernetes promises, checked without a cluster: by Kubernetes' schemas, the settings, and the CLI."""

import re
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from runtime.settings import Settings, variables
from tests.support.commands import parse
from tests.support.documented import block
from tests.support.yaml_files import all_parsed, parsed

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: dict[str, Any] = parsed((FOLDER / "kustomization.yaml").read_text())
OBJECTS: list[dict[str, Any]] = [
    each for name in KUSTOMIZATION["resources"] for each in all_parsed((FOLDER / name).read_text())
]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PAGE = (ROOT / "docs" / "production.md").read_text()
# The newest version of Kubernetes, and the oldest that may still be in use.
VERSIONS = ("1.37", "1.31")


def name_of(each: dict[str, Any]) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


def pod_of(each: dict[str, Any]) -> dict[str, Any] | None:
    """The template of an object's pods, if it has any."""
    spec = each.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    found: dict[str, Any] | None = spec.get("template")
    return found


PODS = {name_of(each): pod for each in OBJECTS if (pod := pod_of(each)) is not None}
SERVERS = {name: pod for name, pod in PODS.items() if name.split("/")[0] in ("Deployment", "StatefulSet")}
LISTENING = {name: pod for name, pod in SERVERS.items() if name != "Deployment/segue-operator"}
CONFIG = next(each["data"] for each in OBJECTS if each["kind"] == "ConfigMap")

every_object = pytest.mark.parametrize("each", OBJECTS, ids=name_of)
every_pod = pytest.mark.parametrize("name", PODS)
every_server = pytest.mark.parametrize("name", LISTENING)


def container(name: str) -> dict[str, Any]:
    [found] = PODS[name]["spec"]["containers"]
    return dict(found)


def environment(name: str) -> dict[str, str]:
    """The variables of a pod; those from secrets have a value that fits their kind."""
    found = dict(CONFIG)
    for variable in container(name)["env"]:
        found[variable["name"]] = variable.get("value", "")
        key = variable.get("valueFrom", {}).get("secretKeyRef", {}).get("key", "")
        if key.endswith("database-url"):
            found[variable["name"]] = "postgresql://somebody@postgres.example/segue"
        elif key:
            found[variable["name"]] = "https://receiver.example/segue-and-a-long-text"
    return found


@every_object
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_follows_the_schema_of_kubernetes(each: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(each, version, strict=True)


def test_kustomize_reads_every_file_and_only_files_that_exist() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == sorted(
        file.name for file in FOLDER.glob("*.yaml") if file.name != "kustomization.yaml"
    )


@every_pod
def test_every_variable_is_a_setting_and_makes_valid_settings(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = environment(name)
    assert set(found) <= variables()
    for variable, value in found.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    assert Settings().brokers.servers == CONFIG["SEGUE_BOOTSTRAP_SERVERS"]


def test_the_dashboard_asks_for_a_login_because_other_machines_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environment("Deployment/segue-dashboard").items():
        monkeypatch.setenv(variable, value)
    login = Settings().login
    assert login is not None
    assert (login.issuer, login.dashboard_url) == (CONFIG["SEGUE_OIDC_ISSUER"], CONFIG["SEGUE_DASHBOARD_URL"])
    assert "--allow-anonymous" not in container("Deployment/segue-dashboard")["args"]


@every_pod
def test_variables_that_kubernetes_makes_of_services_can_not_be_taken_for_settings(name: str) -> None:
    assert PODS[name]["spec"]["enableServiceLinks"] is False


@every_pod
def test_every_command_is_one_that_segue_understands(name: str) -> None:
    if "command" in container(name):
        assert (name, container(name)["command"]) == ("Deployment/segue-operator", ["sleep"])
        return
    parse(*container(name)["args"])


def test_the_kustomization_of_the_page_is_one_of_these_objects() -> None:
    shown = parsed(block("docs/production.md", "# kustomization.yaml").text)
    assert shown["resources"] == ["../segue/deploy/kubernetes"]
    assert {(each["name"], each["newTag"]) for each in shown["images"]} == {
        (each["name"], each["newTag"]) for each in KUSTOMIZATION["images"]
    }
    for each in shown["patches"]:
        patch = parsed(each["patch"])
        [patched] = [known for known in OBJECTS if name_of(known) == name_of(patch)]
        assert set(patch["data"]) <= set(patched["data"])


@every_pod
def test_every_image_is_built_by_the_dockerfile_and_has_our_version(name: str) -> None:
    image, _, tag = container(name)["image"].partition(":")
    assert tag == VERSION
    assert f" AS {image.removeprefix('segue-')}\n" in DOCKERFILE
    replaced = {each["name"]: each["newTag"] for each in KUSTOMIZATION["images"]}
    assert replaced[image] == VERSION


@every_pod
def test_secrets_are_references_and_the_page_creates_them(name: str) -> None:
    for variable in container(name)["env"]:
        secret = variable.get("valueFrom", {}).get("secretKeyRef")
        if re.search("PASSWORD|SECRET|KEY|_URL|USERNAME", variable["name"]):
            assert secret is not None
        if secret is not None and not secret.get("optional"):
            made = re.search(rf"create secret generic {secret['name']} (?:.*\\\n)*.*", PAGE)
            assert made, f"docs/production.md does not create the secret {secret['name']}"
            assert f"--from-literal={secret['key']}=" in made[0]
    assert not any(re.search("PASSWORD|SECRET|KEY|DATABASE", variable) for variable in CONFIG)


@every_pod
def test_every_pod_has_limits_and_no_rights(name: str) -> None:
    pod, own = PODS[name]["spec"], container(name)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert own["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert {"cpu", "memory"} <= set(own["resources"]["requests"])
    assert "memory" in own["resources"]["limits"]


@every_server
def test_every_server_is_probed_on_a_port_that_it_serves(name: str) -> None:
    own = container(name)
    ports = {port["name"]: port["containerPort"] for port in own["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert own[probe]["httpGet"]["port"] in ports
        assert own[probe]["httpGet"]["path"] in ("/healthz", "/readyz", "/_stcore/health")
    if "web" in ports:
        assert ports["web"] == Settings.model_fields["web_port"].default
        assert CONFIG["SEGUE_WEB_HOST"] == "0.0.0.0"  # noqa: S104 - what is checked
    else:
        assert str(ports["http"]) in own["args"]
    # Alive, not ready: what waits for Kafka or Postgres must not be killed for it.
    assert own["livenessProbe"]["httpGet"]["path"] != "/readyz"


@every_pod
def test_a_pod_is_selected_by_its_own_object_and_its_service(name: str) -> None:
    labels = PODS[name]["metadata"]["labels"]
    own = next(each for each in OBJECTS if name_of(each) == name)
    if "selector" in own["spec"]:
        assert own["spec"]["selector"]["matchLabels"] == labels
    services = [
        each for each in OBJECTS if each["kind"] == "Service" and each["metadata"]["name"] == own["metadata"]["name"]
    ]
    assert bool(services) == (name in LISTENING)
    for service in services:
        assert service["spec"]["selector"] == labels
        assert {port["targetPort"] for port in service["spec"]["ports"]} == {
            port["name"] for port in container(name)["ports"]
        }


def test_there_is_one_of_what_must_not_run_twice() -> None:
    for role in ("clock", "webhooks", "drift"):
        spec = next(each["spec"] for each in OBJECTS if name_of(each) == f"Deployment/segue-{role}")
        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_a_worker_keeps_its_name_when_it_starts_again() -> None:
    [worker] = [each for each in OBJECTS if each["kind"] == "StatefulSet"]
    named = {variable["name"]: variable for variable in container(name_of(worker))["env"]}
    assert named["SEGUE_WORKER_ID"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_only_the_migration_and_pruning_know_the_owner_of_the_tables() -> None:
    owners = {
        name
        for name in PODS
        for variable in container(name)["env"]
        if variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name") == "segue-owner"
        and variable["name"] == "SEGUE_DATABASE_URL"
    }
    assert owners == {"Job/segue-migrate", "CronJob/segue-prune"}
