"""The JSON Schemas of the messages, each in a file of its own: they ship with the package, and need nothing else.

``python -m data.contract.asyncapi`` makes the files from the types.
"""

from pathlib import Path

from runtime.errors import NotFoundError

FOLDER = Path(__file__).with_name("schemas")
_ENDING = ".schema.json"


def names() -> list[str]:
    """The names of the schemas, such as ``segment-changed``."""
    return sorted(file.name.removesuffix(_ENDING) for file in FOLDER.glob(f"*{_ENDING}"))


def read(name: str) -> bytes:
    """A schema as JSON.

    Raises
    ------
    NotFoundError
        If no schema has this name.
    """
    if name not in names():
        raise NotFoundError(f"there is no schema {name!r}: it is one of {', '.join(names())}")
    return file_of(name).read_bytes()


def file_of(name: str) -> Path:
    """The file of a schema."""
    return FOLDER / f"{name}{_ENDING}"
