"""Every setting with its value, as text without secrets, and where the value comes from."""

import os
from typing import Any, NamedTuple

from pydantic import SecretStr

from runtime.postgres_url import shown
from runtime.running_stack import connection
from runtime.settings import Settings

_MASK = "********"


class SettingValue(NamedTuple):
    """One setting; ``value`` is None if it has none, and hides what is secret."""

    name: str
    variable: str
    value: str | None
    source: str


def setting_values(settings: Settings) -> list[SettingValue]:
    """Return all settings in the order of docs/settings.md, as this process reads them.

    ``source`` is ``environment``, ``file PATH``, ``running stack`` or ``default``.
    """
    stack = connection(settings.state_dir)
    environment = {name.upper(): value for name, value in os.environ.items() if value}
    found = []
    for name in Settings.model_fields:
        variable, value = f"SEGUE_{name.upper()}", getattr(settings, name)
        source = _source(name, variable, isinstance(value, SecretStr), environment, stack if value is not None else {})
        found.append(SettingValue(name, variable, _shown(name, value), source))
    return found


def _source(name: str, variable: str, is_secret: bool, environment: dict[str, str], stack: dict[str, Any]) -> str:
    if variable in environment:
        return "environment"
    if is_secret and f"{variable}_FILE" in environment:
        return f"file {environment[f'{variable}_FILE']}"
    return "running stack" if name in stack else "default"


def _shown(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return shown(value.get_secret_value()) if name.endswith("database_url") else _MASK
    return str(value)
