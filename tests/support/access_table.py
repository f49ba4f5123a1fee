"""The table of Kafka's access control lists in docs/security.md, as rules for users."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from runtime.settings import Settings

_PAGE = Path(__file__).parents[2] / "docs" / "security.md"
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
_TOPICS = [field.default for name, field in Settings.model_fields.items() if name.endswith("_topic")]


def clients() -> set[str]:
    """The clients that the table names."""
    return {client for client, _, _ in _rows()}


def rules(user: str, of: Iterable[str]) -> list[AclBinding]:
    """What a user needs in order to be these clients of the table."""
    chosen = {*of}
    found = [
        AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
        for client, resource, operations in _rows()
        if client in chosen
        for kind, pattern, name in _resources(resource)
        for operation in (_OPERATIONS[word] for word in operations.split(", ") if word in _OPERATIONS)
    ]
    # Several clients may need the same.
    return [*dict.fromkeys(found)]


def _rows() -> list[tuple[str, str, str]]:
    table = _PAGE.read_text().partition("| client | resource | operations |\n|---|---|---|\n")[2].partition("\n\n")[0]
    return _ROW.findall(table)


def _resources(text: str) -> Iterator[tuple[ResourceType, ResourcePatternType, str]]:
    literal = ResourcePatternType.LITERAL
    names = re.findall(r"`([^`]+)`", text)
    if text == "the cluster":
        yield ResourceType.BROKER, literal, "kafka-cluster"
    elif text == "the topics":
        yield from ((ResourceType.TOPIC, literal, topic) for topic in _TOPICS)
    elif text.startswith("group "):
        yield from ((ResourceType.GROUP, literal, name) for name in names)
    elif text.startswith("transactional ids that begin with "):
        yield from ((ResourceType.TRANSACTIONAL_ID, ResourcePatternType.PREFIXED, name) for name in names)
    else:
        assert names, f"a resource that this table does not know: {text}"
        yield from ((ResourceType.TOPIC, literal, name) for name in names)
