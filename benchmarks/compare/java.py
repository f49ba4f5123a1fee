"""Kafka Streams: compiled once by the installed Maven, and kept in the user's cache."""

import hashlib
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from segue.local.apache.java import JavaError, cache_folder, java, maven

_PROJECT = Path(__file__).parent / "programs" / "streams"
_SECONDS = 900.0


def streams_command() -> list[str]:
    """Return the command to which the name of a job's file is added. The first call compiles.

    Raises
    ------
    JavaError
        If Java or Maven is missing, or the build fails.
    """
    program, target = java(), cache_folder() / f"bench-streams-{_version()}"
    if not _complete(target):
        with TemporaryDirectory(dir=target.parent) as folder:
            built = Path(folder) / target.name
            _build(built)
            if not _complete(target):
                built.rename(target)
    return [program, "-cp", os.pathsep.join([str(target / "classes"), _jars(target)]), "segue.bench.Streams"]


def _jars(target: Path) -> str:
    return (target / "classpath").read_text().strip()


def _complete(target: Path) -> bool:
    return (target / "classpath").exists() and all(Path(jar).exists() for jar in _jars(target).split(os.pathsep))


def _version() -> str:
    """A digest of the sources."""
    digest = hashlib.sha256()
    for source in sorted(file for file in _PROJECT.rglob("*") if file.suffix in (".java", ".xml")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _build(target: Path) -> None:
    goals = ["compile", "dependency:build-classpath"]
    options = [f"-Dbench.target={target}", f"-Dmdep.outputFile={target / 'classpath'}"]
    command = [maven(), "-q", "-B", "-f", str(_PROJECT / "pom.xml"), *goals, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode:
        reason = next((line for line in done.stdout.splitlines() if "ERROR" in line), done.stderr.strip())
        raise JavaError(f"Maven can't build the Kafka Streams contender: {reason}")
