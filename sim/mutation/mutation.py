"""A mutation: a fault that is put back into the source code, to see whether the simulator finds it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
#: Packages that a simulated history imports.
PACKAGES = ("segue", "services", "stream_app", "batch", "producers", "data", "models", "runtime", "sim", "dashboard")

Origin = Literal["reliability", "history", "planted"]


class DriftedError(Exception):
    """The source text that a mutation replaces is not in its file, or more than once."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One fault.

    Attributes
    ----------
    name
        What is wrong, in a few words.
    harm
        What goes wrong for whom, in one sentence.
    file
        The file, relative to the root of the repository.
    old, new
        The source text that is replaced, which must be there exactly once, and the text in its place.
    origin
        Whether docs/reliability.md promises that this fault does no harm, whether the project once had it, or whether
        it was thought of for the simulator.
    """

    name: str
    harm: str
    file: str
    old: str
    new: str
    origin: Origin = "planted"

    def mutated(self, source: str) -> str:
        """The source of the file with the fault in it.

        Raises
        ------
        DriftedError
            If the text to replace is not there exactly once.
        """
        if (found := source.count(self.old)) != 1:
            raise DriftedError(f"{self.name}: {self.file} has the text to replace {found} times instead of once")
        return source.replace(self.old, self.new)


def copy_with(mutation: Mutation | None, folder: Path) -> Path:
    """Make a folder with all packages, one of them with a fault in it; returns the folder.

    Only the package of the fault is copied. The other ones are links, which nothing writes through: Python must run
    with ``PYTHONDONTWRITEBYTECODE``.
    """
    changed = None if mutation is None else Path(mutation.file).parts[0]
    for package in PACKAGES:
        source = ROOT / package
        if package == changed:
            shutil.copytree(source, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_dir():
            (folder / package).symlink_to(source)
    if mutation is not None:
        file = folder / mutation.file
        file.write_text(mutation.mutated(file.read_text()))
    return folder
