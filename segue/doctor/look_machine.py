"""Looks at this machine."""

import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata

from runtime.postgres_url import shown
from runtime.running_stack import not_running_reason
from runtime.settings import Settings, variables
from segue.doctor import machine
from segue.doctor.finding import CheckFinding, warning
from segue.local.apache.java import missing


def look() -> Iterator[CheckFinding]:
    """What can be found without settings."""
    yield machine.python(sys.version_info[:3])
    yield _packages()
    yield machine.unknown_settings([*os.environ], variables())
    yield machine.java(missing())


def look_at_state(settings: Settings) -> Iterator[CheckFinding]:
    """Where the settings point to, and the state folder."""
    folder = settings.state_dir.resolve()
    brokers = None if settings.bootstrap_servers is None else str(settings.brokers)
    database = None if settings.database_url is None else shown(settings.database)
    yield machine.connections(brokers, database, not_running_reason(settings.state_dir))
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    usage = shutil.disk_usage(existing)
    yield machine.disk(usage.free, usage.total, str(folder))
    mode = folder.stat().st_mode if folder.exists() else None
    yield machine.state_folder(mode, os.geteuid() == 0, str(folder))


def _packages() -> CheckFinding:
    try:
        lines = metadata.requires("segue") or []
    except metadata.PackageNotFoundError:
        return warning("packages", "Segue is not installed as a package", "run `pip install -e .` in the checkout")
    required = [found for line in lines if (found := machine.requirement(line)) is not None and not _is_dev(line)]
    return machine.packages(required, {each.name: _version(each.name) for each in required})


def _is_dev(line: str) -> bool:
    return line.replace('"', "'").rstrip().endswith("extra == 'dev'")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
