"""The standalone JSON Schemas are those of the types, and stand alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from typer.testing import CliRunner

from data.contract import asyncapi, schema_files
from segue.cli.app import app

#: By schema: the message of the AsyncAPI document that it describes.
MESSAGES = {
    "transaction": "transaction",
    "tick": "tick",
    "model": "model",
    "erasure": "erasure",
    "segment-changed": "segmentChanged",
    "customer-segment": "customerSegmentUpdated",
    "risk-changed": "riskChanged",
    "drift-detected": "driftDetected",
    "predictions-count-wrong": "predictionsCountWrong",
    "campaign-assigned": "campaignAssigned",
}


def example(name: str) -> dict[str, Any]:
    [found] = asyncapi.document()["components"]["messages"][MESSAGES[name]]["examples"]
    return dict(found["payload"])


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_files.read(name)), format_checker=FormatChecker())


def test_every_message_with_a_type_has_a_schema_that_is_up_to_date() -> None:
    made = {name: asyncapi.as_json(schema) for name, schema in asyncapi.standalone().items()}
    stored = {name: schema_files.read(name).decode() for name in schema_files.names()}
    assert stored == made, "run `python -m data.contract.asyncapi`"
    assert set(made) == set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_accepts_its_message_and_nothing_without_a_required_field(name: str) -> None:
    Draft202012Validator.check_schema(json.loads(schema_files.read(name)))
    good = example(name)
    validator(name).validate(good)
    validator(name).validate(good | {"added_later": 1})
    for field in json.loads(schema_files.read(name))["required"]:
        with pytest.raises(ValidationError):
            validator(name).validate({key: value for key, value in good.items() if key != field})


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_refers_to_nothing_outside_of_itself(name: str) -> None:
    text = schema_files.read(name).decode()
    schema = json.loads(text)
    references = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    assert references == {f"#/$defs/{each}" for each in schema.get("$defs", {})}


def test_the_command_lists_prints_and_writes_the_schemas(tmp_path: Path) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["schema", *arguments])

    assert run().stdout.split() == schema_files.names()
    assert run("segment-changed").stdout == schema_files.read("segment-changed").decode()
    assert run("--out", str(tmp_path / "new")).exit_code == 0
    assert {file.name for file in (tmp_path / "new").iterdir()} == {
        schema_files.file_of(name).name for name in MESSAGES
    }
    (tmp_path / "file").touch()
    assert "can't write to" in run("--out", str(tmp_path / "file")).output
    assert "it is one of campaign-assigned, customer-segment, drift-detected" in str(run("nothing").exception)
