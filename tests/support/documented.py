"""The code blocks of the documentation, and a shell that runs them as a person would."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SEGUE = '#!/bin/sh\nexec "{python}" -m segue "$@"\n'


class Block(NamedTuple):
    """A code block: its page, relative to the checkout, its language and its lines."""

    page: str
    language: str
    text: str

    @property
    def first(self) -> str:
        """The first line."""
        return self.text.splitlines()[0].strip()


def blocks(page: str) -> list[Block]:
    """The code blocks of a page, in order."""
    return [Block(page, *found) for found in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))]


def block(page: str, about: str, language: str | None = None) -> Block:
    """The one block of a page that holds a text, among those of a language or among all."""
    [found] = [each for each in blocks(page) if about in each.text and language in (None, each.language)]
    return found


def commands(block: Block) -> Iterator[str]:
    """The commands of a block for a shell, without prompts and comments; a continued line is one command."""
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        command = re.sub(r"\s+#\s.*$", "", line).removeprefix("$ ").strip()
        if command and not command.startswith("#"):
            yield command


def segue_commands(block: Block) -> Iterator[list[str]]:
    """The arguments of every ``segue`` command of a block, whatever runs it."""
    for command in commands(block):
        for words in re.findall(r"(?:^|[\s(])(?<!--namespace )segue ([a-z].*)", command):
            split = shlex.shlex(words, posix=True, punctuation_chars=True)
            split.whitespace_split = True
            yield [*takewhile(lambda word: not set(word) <= set("|&;<>()"), split)]


class Shell:
    """Runs documented commands in one folder. What a page calls otherwise than this machine does is replaced.

    A command that ends with ``&`` goes on until :meth:`close`.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], replaced: Mapping[str, str]) -> None:
        self.folder = folder
        self._replaced = dict(replaced)
        programs = folder / "bin"
        programs.mkdir(parents=True)
        (programs / "segue").write_text(_SEGUE.format(python=sys.executable))
        (programs / "segue").chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self._environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)} | dict(environment)
        self._background: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._started = 0

    def run(self, command: str, answer: str | None = None, **replaced: str) -> str:
        """Run a command that must succeed; returns its standard output. ``answer`` is typed where the command asks."""
        words = self._put(command, replaced)
        if words.endswith("&"):
            self._start(words.removesuffix("&").strip())
            return ""
        if answer is not None:
            # A terminal, since a command asks nobody who can't answer.
            words = f"echo {shlex.quote(answer)} | script --quiet --return --command {shlex.quote(words)} /dev/null"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, command: str, **replaced: str) -> None:
        """Run a command until :meth:`stop` or :meth:`close`."""
        self._start(self._put(command, replaced))

    def _start(self, words: str) -> None:
        self._started += 1
        with (self.folder / f"background-{self._started}.log").open("wb") as log:
            process = subprocess.Popen(
                shlex.split(words), cwd=self.folder, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        self._background.append((words, process))

    def stop(self, command: str) -> None:
        """End the commands that begin with some words, which must still run, and wait until they have ended."""
        ending = [each for each in self._background if each[0].startswith(command)]
        assert ending, f"{command} was not started"
        self._background = [each for each in self._background if each not in ending]
        _end(ending)

    def close(self) -> None:
        """End what was started, the newest command first; all of it must still run."""
        ending, self._background = self._background[::-1], []
        _end(ending)

    def _put(self, command: str, replaced: Mapping[str, str]) -> str:
        for there, here in {**self._replaced, **replaced}.items():
            command = command.replace(there, here)
        return command


def _end(commands: list[tuple[str, subprocess.Popen[bytes]]]) -> None:
    by_themselves = [words for words, process in commands if process.poll() is not None]
    for _, process in commands:
        process.send_signal(signal.SIGTERM)
        process.wait(300)
    assert by_themselves == [], "these commands ended by themselves; their logs are in the shell's folder"
