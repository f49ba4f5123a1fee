"""What docker-compose.yml promises, checked without Docker: against the Compose schema, the settings, and the CLI."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest

from data.postgres.roles import Role
from runtime.settings import Settings
from tests.support.yaml_files import parsed

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = parsed(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DATASETS = "/datasets"

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::?-(?P<default>[^}]*)|:\?[^}]*)?\}")

every_service = pytest.mark.parametrize("name", SERVICES)
every_service_of_ours = pytest.mark.parametrize("name", OURS)


def interpolated(text: str, required: str | None = None) -> str:
    """The text that Compose makes of a text when only the required variables are set.

    Raises
    ------
    LookupError
        If the text needs a variable, and there is no value for required ones.
    """

    def value(match: re.Match[str]) -> str:
        if ":?" in match[0]:
            if required is None:
                raise LookupError(match["name"])
            return required
        return match["default"] or ""

    return _VARIABLE.sub(value, text)


def environment(name: str) -> dict[str, str]:
    return {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}


def listeners(value: str) -> dict[str, tuple[str, int]]:
    """Host and port of each of Kafka's listeners."""
    found = re.findall(r"(\w+)://([^:,]*):(\d+)", value)
    return {listener: (host, int(port)) for listener, host, port in found}


def published(name: str) -> list[tuple[str, int, int]]:
    """Interface, host port and container port of what a service publishes."""
    ports = [re.fullmatch(r"([\d.]+):(\d+):(\d+)", port) for port in SERVICES[name].get("ports", [])]
    assert all(ports), f"{name} publishes a port without saying on which interface"
    return [(port[1], int(port[2]), int(port[3])) for port in ports if port]


def test_the_file_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@every_service_of_ours
def test_every_variable_that_segue_gets_is_a_setting_or_a_password_for_libpq(name: str) -> None:
    settings = {f"SEGUE_{field.upper()}" for field in Settings.model_fields}
    assert set(environment(name)) <= settings | {"PGPASSWORD"}


@every_service_of_ours
def test_every_service_of_ours_knows_where_kafka_and_postgres_are(name: str) -> None:
    assert {"SEGUE_BOOTSTRAP_SERVERS", "SEGUE_DATABASE_URL", "SEGUE_PARTITIONS", "PGPASSWORD"} <= set(environment(name))


@every_service_of_ours
def test_its_variables_make_valid_settings(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    for variable, value in environment(name).items():
        monkeypatch.setenv(variable, interpolated(value, required="a password"))
    settings = Settings()
    assert settings.bootstrap_servers == environment(name)["SEGUE_BOOTSTRAP_SERVERS"]
    assert settings.partitions == Settings.model_fields["partitions"].default


@every_service_of_ours
def test_its_command_is_one_that_segue_understands(name: str, tmp_path: Path) -> None:
    from typer.main import get_group

    from segue.cli.app import app

    dataset = tmp_path / "dataset.parquet"
    dataset.touch()
    words = [interpolated(word) for word in SERVICES[name]["command"]]
    command, *arguments = [str(dataset) if word.startswith(f"{DATASETS}/") else word for word in words]
    # Parses the options and arguments as a run would, without running.
    get_group(app).commands[command].make_context(command, arguments)


def test_a_client_is_sent_on_to_an_address_that_it_can_reach() -> None:
    kafka = environment("kafka")
    bound, advertised = listeners(kafka["KAFKA_LISTENERS"]), listeners(kafka["KAFKA_ADVERTISED_LISTENERS"])
    assert set(bound) == set(advertised) | {kafka["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    assert all(bound[listener][1] == port for listener, (_, port) in advertised.items())
    inside = advertised[kafka["KAFKA_INTER_BROKER_LISTENER_NAME"]]
    assert inside[0] in SERVICES
    assert {environment(name)["SEGUE_BOOTSTRAP_SERVERS"] for name in OURS} == {f"{inside[0]}:{inside[1]}"}
    outside = [(interface, port) for interface, port, target in published("kafka") if port == target]
    assert outside == [advertised["OUTSIDE"]]


def test_the_database_url_names_the_database_that_postgres_creates_and_a_user_with_the_rights_that_it_takes() -> None:
    postgres = environment("postgres")
    users = {role.removeprefix("segue_"): f"{role}_login" for role in get_args(Role)}
    users |= dict.fromkeys(("fit", "replay"), users["operator"])
    for name in OURS:
        url = urlsplit(environment(name)["SEGUE_DATABASE_URL"])
        assert url.hostname in SERVICES
        assert (url.username, url.path) == (users.get(name, postgres["POSTGRES_USER"]), f"/{postgres['POSTGRES_DB']}")


def test_only_the_migration_runs_as_the_owner() -> None:
    owner = environment("migrate")["SEGUE_DATABASE_URL"]
    assert [name for name in OURS if environment(name)["SEGUE_DATABASE_URL"] == owner] == ["migrate"]


def test_the_users_of_what_is_always_there_get_their_passwords_from_where_they_are_made() -> None:
    made = environment("migrate")
    for name in ("worker", "dashboard", "operator"):
        variable = f"SEGUE_{name.upper()}_PASSWORD"
        assert made[variable].startswith(f"${{{variable}:?")
        assert environment(name)["PGPASSWORD"] == f"${{{variable}-}}"
        assert made["PGPASSWORD"] == environment("postgres")["POSTGRES_PASSWORD"].split(":")[0] + "-}"


def test_a_service_that_is_not_always_there_has_a_password_only_if_it_is_used() -> None:
    for name in ("webhooks", "drift", "clock", "api"):
        variable = f"SEGUE_{name.upper()}_PASSWORD"
        assert environment("migrate")[variable] == environment(name)["PGPASSWORD"] == f"${{{variable}-}}"


def test_the_worker_is_checked_where_it_serves() -> None:
    port, host = (Settings.model_fields[name].default for name in ("web_port", "web_host"))
    assert f"http://{host}:{port}/healthz" in SERVICES["worker"]["healthcheck"]["test"][-1]
    assert not {"SEGUE_WEB_PORT", "SEGUE_WEB_HOST"} & set(environment("worker"))


@every_service
def test_no_password_is_written_down(name: str) -> None:
    for variable, value in environment(name).items():
        if re.search("PASSWORD|SECRET|TOKEN|KEY", variable):
            assert _VARIABLE.fullmatch(value), f"{variable} is not left to the environment"
            assert ":?" in value or interpolated(value) == "", f"{variable} has a default"
        assert not re.search(r"://[^/@\s]+:[^/@\s]*@", value), f"{variable} holds a URL with a password"


def test_postgres_refuses_to_start_without_a_password() -> None:
    with pytest.raises(LookupError, match="SEGUE_POSTGRES_PASSWORD"):
        interpolated(environment("postgres")["POSTGRES_PASSWORD"])


def test_the_file_that_holds_the_password_is_neither_committed_nor_in_the_image() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in rules
    assert not [rule for rule in rules if rule.startswith("!.")]


@every_service
def test_every_service_has_a_health_check_or_a_reason_for_none(name: str) -> None:
    service = SERVICES[name]
    assert bool(service.get("healthcheck", {}).get("test")) != bool(service.get("x-no-healthcheck"))


@every_service
def test_a_service_waits_only_for_what_can_happen(name: str) -> None:
    for other, dependency in SERVICES[name].get("depends_on", {}).items():
        if dependency["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if dependency["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no"
        # What is always up can't wait for what is only there on request.
        assert set(SERVICES[other].get("profiles", [])) <= set(SERVICES[name].get("profiles", []))


@pytest.mark.parametrize("name", sorted(OURS.keys() - {"migrate"}))
def test_nothing_touches_the_schema_before_it_is_up_to_date(name: str) -> None:
    assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


@every_service
def test_every_image_is_pinned_with_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:\d+(\.\d+)*(-[a-z]+)?", SERVICES[name]["image"])


@every_service_of_ours
def test_our_image_has_our_version_and_is_never_pulled(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert SERVICES[name]["image"] == f"{project['name']}:{project['version']}"
    assert SERVICES[name]["pull_policy"] == "build"


def test_data_live_in_named_volumes_and_datasets_are_read_only() -> None:
    used = set()
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            if isinstance(volume, str):
                used.add(volume.split(":")[0])
            else:
                assert (volume["type"], volume["target"], volume["read_only"]) == ("bind", DATASETS, True)
    assert used == set(COMPOSE["volumes"])


def test_kafka_and_postgres_keep_their_data_where_the_volumes_are() -> None:
    [log] = SERVICES["kafka"]["volumes"]
    assert log.split(":")[1] == environment("kafka")["KAFKA_LOG_DIRS"]
    [volume] = SERVICES["postgres"]["volumes"]
    major = re.search(r":(\d+)", SERVICES["postgres"]["image"])
    # From version 18 on, the image keeps its data below this folder, not in its `data` folder.
    folder = "/var/lib/postgresql" if major and int(major[1]) >= 18 else "/var/lib/postgresql/data"
    assert volume.split(":")[1] == folder


@every_service
def test_ports_are_published_on_the_loopback_interface_only(name: str) -> None:
    assert all(interface == "127.0.0.1" for interface, _, _ in published(name))


def test_the_dashboard_is_published_on_the_port_that_it_serves_and_checks() -> None:
    dashboard = SERVICES["dashboard"]
    [(_, _, port)] = published("dashboard")
    assert dashboard["command"][dashboard["command"].index("--port") + 1] == str(port)
    assert f"http://127.0.0.1:{port}/_stcore/health" in dashboard["healthcheck"]["test"][-1]


def test_workers_can_be_scaled() -> None:
    assert not {"container_name", "ports", "hostname"} & set(SERVICES["worker"])


def test_every_variable_of_the_file_is_explained_in_the_documentation() -> None:
    explained = (ROOT / "docs" / "docker.md").read_text()
    names = {match["name"] for match in _VARIABLE.finditer(COMPOSE_FILE.read_text())}
    assert {name for name in names if f"`{name}`" not in explained} == set()
