"""The installed Java and Maven, and the jars of an Apache Kafka broker.

What takes seconds to find out is kept in the user's cache, for all state folders.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from runtime.private_files import UMASK, private_folder

POM = Path(__file__).with_name("pom.xml")
NEEDED = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_RESOLVE_SECONDS = 600.0


class JavaError(RuntimeError):
    """Java or Maven is missing, too old, or fails; the message says what to do."""


def java() -> str:
    """Return the path of Java: from ``JAVA_HOME``, else from the search path.

    Raises
    ------
    JavaError
        If Java is missing, or too old for Kafka 4.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if found is None:
        raise JavaError(
            f"--broker apache needs Java {NEEDED} or newer, which was not found: install it, or set JAVA_HOME"
        )
    version = _VERSION.search(version_text(found))
    if version is None or int(version[1]) < NEEDED:
        what = f"Java {version[1]}" if version else "of an unknown version"
        raise JavaError(
            f"--broker apache needs Java {NEEDED} or newer, and {found} is {what}: install it, or set JAVA_HOME"
        )
    return found


def version_text(java: str) -> str:
    """Return what a Java says about its version."""
    return subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr


def maven() -> str:
    """Return the path of Maven.

    Raises
    ------
    JavaError
        If Maven is not on the search path.
    """
    found = shutil.which("mvn")
    if found is None:
        raise JavaError("--broker apache needs Maven to download Kafka's jars, and mvn is not on the path: install it")
    return found


def missing() -> str | None:
    """Return why Apache Kafka can't run on this machine; None if it can."""
    try:
        java()
        maven()
    except JavaError as error:
        return str(error)
    return None


def cache_folder() -> Path:
    """Return the folder in the user's cache; it is created if it is missing.

    Raises
    ------
    JavaError
        If it can't be created.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "segue"
    try:
        return private_folder(folder)
    except OSError as error:
        raise JavaError(
            f"can't keep Kafka's class path in {folder} ({error.strerror}): set XDG_CACHE_HOME to another folder"
        ) from error


def classpath() -> str:
    """Return the class path of the broker's jars in Maven's repository. Without a cached answer, Maven is asked.

    Raises
    ------
    JavaError
        If Maven is missing, or can't find them.
    """
    cached = cache_folder() / f"classpath-{_pom_version()}"
    if cached.exists() and all(Path(jar).exists() for jar in cached.read_text().split(os.pathsep)):
        return cached.read_text()
    with TemporaryDirectory(dir=cached.parent) as folder:
        answer = Path(folder) / cached.name
        _ask_maven(answer)
        # Another process may read the cached answer at any time.
        answer.rename(cached)
    return cached.read_text()


def _ask_maven(answer: Path) -> None:
    command = [maven(), "-q", "-B", "-f", str(POM), "dependency:build-classpath", "-DincludeScope=runtime"]
    found = subprocess.run(
        [*command, f"-Dmdep.outputFile={answer}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=_RESOLVE_SECONDS,
        cwd=answer.parent,
        umask=UMASK,
    )
    if found.returncode:
        reason = next((line for line in found.stdout.splitlines() if "ERROR" in line), found.stderr.strip())
        raise JavaError(f"Maven can't find Kafka's jars: {reason}")


def _pom_version() -> str:
    version = re.search(r"kafka_[\d.]+</artifactId>\s*<version>([\d.]+)", POM.read_text())
    return version[1] if version else "unknown"
