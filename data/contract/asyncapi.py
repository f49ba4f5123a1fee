"""Generates the contract: the schemas in ``data/contract/asyncapi.yaml``, ``docs/contract.md`` and standalone schemas.

The topics, messages and prose of the AsyncAPI document are written by hand. Its schemas are generated from the types
that are encoded and decoded, and the page is rendered from the document. After a change of either, run ``python -m
data.contract.asyncapi``, which needs the dev dependencies. A test fails if a file is out of date.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import UNSET, Struct

from data.contract import schema_files
from data.contract.campaign_events import CampaignAssigned
from data.contract.events import (
    ChangeHeaders,
    CustomerSegmentUpdated,
    DeadLetterHeaders,
    DriftDetected,
    EventHeaders,
    PredictionsCountWrong,
    RiskChanged,
    RiskHeaders,
    SegmentChanged,
    StateHeaders,
)
from data.contract.wire import ControlHeaders, Erasure, ModelActivation, Tick, Transaction, TransactionHeaders

Json = dict[str, Any]

DOCUMENT = Path(__file__).with_name("asyncapi.yaml")
PAGE = Path(__file__).parents[2] / "docs" / "contract.md"

_WRITTEN_BY_OTHERS = (Transaction, TransactionHeaders, Tick, ModelActivation, Erasure, ControlHeaders)
_WRITTEN_BY_US = (
    SegmentChanged,
    ChangeHeaders,
    CustomerSegmentUpdated,
    StateHeaders,
    RiskChanged,
    RiskHeaders,
    DriftDetected,
    PredictionsCountWrong,
    CampaignAssigned,
    EventHeaders,
    DeadLetterHeaders,
)
_SCHEMAS = "#/components/schemas/"
#: The messages that have a schema of their own, by its name.
_STANDALONE: dict[str, type[Struct]] = {
    "transaction": Transaction,
    "tick": Tick,
    "model": ModelActivation,
    "erasure": Erasure,
    "segment-changed": SegmentChanged,
    "customer-segment": CustomerSegmentUpdated,
    "risk-changed": RiskChanged,
    "drift-detected": DriftDetected,
    "predictions-count-wrong": PredictionsCountWrong,
    "campaign-assigned": CampaignAssigned,
}


def schemas() -> dict[str, Json]:
    """The JSON Schemas of all types in topics, by name."""
    types = [*_WRITTEN_BY_OTHERS, *_WRITTEN_BY_US]
    _, components = msgspec.json.schema_components(types, ref_template=_SCHEMAS + "{name}")
    components = {name: _as_draft_7(schema) for name, schema in components.items()}
    for schema in components.values():
        schema["description"] = _plain(schema["description"])
    for ours in _WRITTEN_BY_US:
        components[ours.__name__]["required"] = _always_there(ours)
    return components


def standalone() -> dict[str, Json]:
    """The JSON Schemas of the messages by name, each with the types that it refers to."""
    components = schemas()
    found = {}
    for name, kind in _STANDALONE.items():
        needed = _reached(components, kind.__name__)
        definitions = {each: _with_references_to(components[each], "#/$defs/") for each in needed[1:]}
        schema = _with_references_to(components[kind.__name__], "#/$defs/")
        head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:segue:v1:{name}"}
        found[name] = head | schema | ({"$defs": definitions} if definitions else {})
    return found


def as_json(schema: Json) -> str:
    """The text of a standalone schema's file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def document() -> Json:
    """The AsyncAPI document, with schemas from the code."""
    written: Json = yaml.safe_load(DOCUMENT.read_text())
    written["components"]["schemas"] = schemas()
    return written


def as_yaml(content: Json) -> str:
    """The text of the document's file."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def page(content: Json) -> str:
    """The document for people, in Markdown."""
    info = content["info"]
    parts = [
        f"# {info['title']}: the contract, version {info['version']}",
        "This page is made from [`data/contract/asyncapi.yaml`](../data/contract/asyncapi.yaml) by "
        "`python -m data.contract.asyncapi`. "
        "How to subscribe: [subscribing.md](subscribing.md).",
        info["description"],
    ]
    for channel in content["channels"].values():
        parts += _channel(channel, content)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def resolve(content: Json, node: Json) -> Json:
    """The target of a node's ``$ref`` within the document, or the node itself if it has none."""
    while "$ref" in node:
        target = content
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def _channel(channel: Json, content: Json) -> Iterator[str]:
    policy = ", ".join(channel["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"])
    yield f"## {channel['title']}: `{channel['address']}`"
    yield f"{channel['description']} (`cleanup.policy={policy}`)"
    yield f"Written by {channel['x-written-by']}."
    for reference in channel["messages"].values():
        message = resolve(content, reference)
        yield f"### {message['title']}"
        key = message.get("bindings", {}).get("kafka", {}).get("key", {}).get("description", "None.")
        yield f"{message['summary']} Key: {key[0].lower()}{key[1:]} Content type: `{message['contentType']}`."
        if "headers" in message:
            yield from _type(message["headers"], content, "Headers")
        yield from _type(message["payload"], content, "Value")
        for example in message.get("examples", []):
            yield f"```json\n{json.dumps(example.get('payload') or example['headers'], indent=2)}\n```"


def _type(node: Json, content: Json, title: str) -> Iterator[str]:
    """The fields of a type as a table, followed by the types of its fields."""
    schema = resolve(content, node)
    if "properties" not in schema:
        yield f"**{title}.** {schema['description']}"
        return
    yield f"**{title}: {schema['title']}.** {schema['description']}"
    rows = ["| field | type | | |", "|---|---|---|---|"]
    for name, field in schema["properties"].items():
        presence = "" if name in schema.get("required", []) else "optional"
        rows.append(f"| `{name}` | {_type_name(field)} | {presence} | {field.get('description', '')} |")
    yield "\n".join(rows)
    for name, field in schema["properties"].items():
        for reference in dict.fromkeys(_references(field)):
            yield from _type({"$ref": reference}, content, f"`{name}`")


def _type_name(field: Json) -> str:
    if "anyOf" in field:
        return " or ".join(map(_type_name, field["anyOf"]))
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if "$ref" in field:
        return str(field["$ref"]).removeprefix(_SCHEMAS)
    if field["type"] == "array":
        item, least = _type_name(field["items"]), field.get("minItems")
        return f"array of {item}" if least is None or least != field.get("maxItems") else f"{least} {item}s"
    if "pattern" in field:
        return f"{field['type']}, `{field['pattern']}`"
    return f"{field['type']}, {field['format']}" if "format" in field else str(field["type"])


def _references(field: Json) -> Iterator[str]:
    if "$ref" in field:
        yield field["$ref"]
    for part in [*field.get("anyOf", []), *([field["items"]] if isinstance(field.get("items"), dict) else [])]:
        yield from _references(part)


def _reached(components: dict[str, Json], name: str) -> list[str]:
    """A type, and the types that its schema refers to, in the order in which they are met."""
    found = [name]
    for each in found:
        texts = re.findall(f'"{_SCHEMAS}(\\w+)"', json.dumps(components[each]))
        found += [other for other in dict.fromkeys(texts) if other not in found]
    return found


def _with_references_to(schema: Json, prefix: str) -> Json:
    changed: Json = json.loads(json.dumps(schema).replace(f'"{_SCHEMAS}', f'"{prefix}'))
    return changed


def _as_draft_7(node: Any) -> Any:
    """A schema in Draft 07, on which AsyncAPI 3.0 builds. That has no ``prefixItems``, so tuples become arrays."""
    if isinstance(node, list):
        return [_as_draft_7(part) for part in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _as_draft_7(part) for name, part in node.items() if name != "prefixItems"}
    if "prefixItems" in node:
        first, *others = node["prefixItems"]
        if any(item != first for item in others):
            raise ValueError("Draft 07 and later drafts have no common way to describe a tuple of different types")
        plain["items"] = first
    return plain


def _always_there(ours: type[Struct]) -> list[str]:
    """The fields that every message has: all except those that may be unset. (msgspec omits fields with a default.)"""
    return [field.encode_name for field in msgspec.structs.fields(ours) if field.default is not UNSET]


def _plain(docstring: str) -> str:
    """The prose of a docstring, in Markdown, each paragraph on one line."""
    prose = docstring.partition("\n\n    Parameters\n")[0]
    markdown = re.sub(r"(:\w+:)?(`+)([^`]+)\2", r"`\3`", prose)
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in markdown.split("\n\n"))


class _Dumper(yaml.SafeDumper):
    """Dumps paragraphs as block scalars, and repeated nodes without anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def main() -> None:
    """Write all files."""
    content = document()
    DOCUMENT.write_text(as_yaml(content))
    PAGE.write_text(page(content))
    schema_files.FOLDER.mkdir(exist_ok=True)
    for name, schema in standalone().items():
        schema_files.file_of(name).write_text(as_json(schema))


if __name__ == "__main__":
    main()
