"""Read models from files: only the JSON specification, never a pickle, which could run code."""

import re
from pathlib import Path

from models.segment_model import ModelError, SegmentModel, from_json
from runtime.errors import Hint, SegueError

# Far more than a model with as many segments as there are personas needs.
_MAX_BYTES = 10_000_000
_NOT_A_NUMBER = re.compile(rb"[\[:,]\s*-?(NaN|Infinity)\b")
_NOT_FINITE = "not a segment model: it holds NaN or Infinity where a finite number belongs"
_MAGIC = (
    (b"PK\x03\x04", "a skops or zip file"),
    (b"\x1f\x8b", "a compressed file"),
    (b"\x80", "a pickle"),
    (b"\x78", "a compressed pickle"),
)


class ModelFileError(SegueError, ModelError):
    """A file of a format that Segue does not load."""


def read_model(path: Path) -> SegmentModel:
    """Read a JSON specification and check it completely.

    Raises
    ------
    ModelError
        If the file has another format, is truncated, lacks a field, or has numbers that do not form a valid model.
        The message is one line that begins with the file's name.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error.strerror})") from error
    kind = next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)
    if kind is not None:
        raise ModelFileError(
            f"{path.name}: is {kind}; Segue loads nothing but the JSON of a model", Hint.EXPORT_A_MODEL
        )
    if len(content) > _MAX_BYTES:
        raise ModelError(f"{path.name}: too large for a segment model")
    try:
        return from_json(content)
    except ModelError as error:
        reason = _NOT_FINITE if _NOT_A_NUMBER.search(content) else str(error)
        raise ModelError(f"{path.name}: {reason}") from error
