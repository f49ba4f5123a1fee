"""Kafka starts from an archive of its classes that is made once on a machine, and without one where Java makes none."""

import os
from pathlib import Path

import pytest

from segue.local.apache.java import POM, JavaError, cache_folder
from segue.local.apache.jvm import kafka_command

ARCHIVE = "-XX:SharedArchiveFile="
# Java's versions go to standard error. Like a broker that ends at once, the program writes its archive and ends.
_JAVA = """\
#!/bin/sh
echo "$@" >> {calls}
for argument in "$@"; do
  case "$argument" in
    -version) echo 'openjdk version "17.0.1"' >&2 ;;
    -XX:ArchiveClassesAtExit=*) {archives} && echo classes > "${{argument#*=}}" ;;
  esac
done
exit 0
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Java that writes its arguments into a file; its jars are known."""
    jar, cache = tmp_path / "kafka.jar", tmp_path / "cache"
    jar.touch()
    (cache / "segue").mkdir(parents=True)
    version = POM.read_text().partition("kafka_2.13</artifactId>")[2].partition("<version>")[2].partition("<")[0]
    (cache / "segue" / f"classpath-{version}").write_text(str(jar))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    return tmp_path / "calls"


def install(calls: Path, *, archives: bool) -> None:
    program = calls.parent / "bin" / "java"
    program.parent.mkdir()
    program.write_text(_JAVA.format(calls=calls, archives="true" if archives else "false"))
    program.chmod(0o755)


def runs(calls: Path) -> int:
    """How often Java ran a broker."""
    return sum("kafka.Kafka" in call for call in calls.read_text().splitlines())


def test_the_first_command_makes_the_archive_and_the_later_ones_use_it(calls: Path) -> None:
    install(calls, archives=True)
    first, second = kafka_command(), kafka_command()
    assert first == second
    [archive] = [word.removeprefix(ARCHIVE) for word in first if word.startswith(ARCHIVE)]
    assert Path(archive).read_text() == "classes\n"
    assert runs(calls) == 1
    assert [name for name in os.listdir(Path(archive).parent) if name.startswith("tmp")] == []


def test_a_java_that_makes_no_archive_is_asked_once_and_runs_without_one(calls: Path) -> None:
    install(calls, archives=False)
    first, second = kafka_command(), kafka_command()
    assert first == second
    assert not any(word.startswith(ARCHIVE) for word in first)
    assert runs(calls) == 1


def test_a_cache_that_can_not_be_created_is_named_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(JavaError, match=r"^can't keep Kafka's class path in .*: set XDG_CACHE_HOME to another folder$"):
        cache_folder()
