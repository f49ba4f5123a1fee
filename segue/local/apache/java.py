"""The machine's Java and Maven: whether they are there, and the jars of an Apache Kafka broker."""

import os
import re
import shutil
import subprocess
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
NEEDED = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_RESOLVE_SECONDS = 600.0


class JavaError(RuntimeError):
    """Java or Maven is missing, too old, or fails; the message says what to do."""


def java() -> str:
    """The Java to use: that of ``JAVA_HOME``, else the one on the path.

    Raises
    ------
    JavaError
        If there is none, or one that is too old for Kafka 4.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java")
    if found is None:
        raise JavaError(
            f"--broker apache needs Java {NEEDED} or newer, and there is none: install it, or set JAVA_HOME"
        )
    answer = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = _VERSION.search(answer)
    if version is None or int(version[1]) < NEEDED:
        what = f"Java {version[1]}" if version else "of an unknown version"
        raise JavaError(
            f"--broker apache needs Java {NEEDED} or newer, and {found} is {what}: install it, or set JAVA_HOME"
        )
    return found


def maven() -> str:
    """The Maven on the path.

    Raises
    ------
    JavaError
        If there is none.
    """
    found = shutil.which("mvn")
    if found is None:
        raise JavaError("--broker apache needs Maven to find Kafka's jars, and there is no mvn on the path: install it")
    return found


def missing() -> str | None:
    """Why a real broker can't run here; None if it can."""
    try:
        java()
        maven()
    except JavaError as error:
        return str(error)
    return None


def classpath(folder: Path) -> str:
    """The broker's jars, from Maven's own store; what it answered is kept in ``folder`` as long as it holds.

    Raises
    ------
    JavaError
        If Maven can't find them.
    """
    kept = folder / f"classpath-{_pom_version()}"
    if kept.exists() and all(Path(jar).exists() for jar in kept.read_text().split(os.pathsep)):
        return kept.read_text()
    command = [maven(), "-q", "-B", "-f", str(POM), "dependency:build-classpath", "-DincludeScope=runtime"]
    found = subprocess.run(
        [*command, f"-Dmdep.outputFile={kept}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=_RESOLVE_SECONDS,
        cwd=folder,
    )
    if found.returncode:
        reason = next((line for line in found.stdout.splitlines() if "ERROR" in line), found.stderr.strip())
        raise JavaError(f"Maven can't find Kafka's jars: {reason}")
    return kept.read_text()


def _pom_version() -> str:
    version = re.search(r"kafka_[\d.]+</artifactId>\s*<version>([\d.]+)", POM.read_text())
    return version[1] if version else "unknown"
