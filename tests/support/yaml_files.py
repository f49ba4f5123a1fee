"""Parsed YAML, read by libyaml where PyYAML has it: many tests read files while they are collected."""

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parsed(text: str) -> Any:
    """The only document of a text."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 (both loaders are safe)


def all_parsed(text: str) -> list[Any]:
    """All documents of a text."""
    return list(yaml.load_all(text, Loader=_LOADER))
