"""Folders and files that only their owner can read, whatever the umask is."""

import os
import stat
from pathlib import Path
from typing import Literal, TextIO

#: The umask of processes that write into a private folder.
UMASK = 0o077
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(path: Path) -> Path:
    """Create a folder, or change an existing one, so that only its owner can open it; returns it.

    Parents that are missing are created in the same way.
    """
    created = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in (path, *created):
        restrict(folder)
    return path


def open_private(path: Path, mode: Literal["a", "w"]) -> TextIO:
    """Open a text file; if that creates it, only its owner can read it."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))


def write_private(path: Path, text: str) -> None:
    """Write a text file that only its owner can read."""
    with open_private(path, "w") as file:
        file.write(text)
    restrict(path)


def restrict(path: Path) -> None:
    """Take all rights on a file or a folder from everyone but its owner; a link or another user's file is left.

    Root's group may still pass through root's folders: the local Postgres, which can't run as root, has to.
    """
    state, user = path.lstat(), os.geteuid()
    if stat.S_ISLNK(state.st_mode) or state.st_uid != user:
        return
    kept = stat.S_IXGRP if stat.S_ISDIR(state.st_mode) and user == 0 else 0
    if state.st_mode & _OTHERS & ~kept:
        path.chmod(stat.S_IMODE(state.st_mode) & ~_OTHERS | state.st_mode & kept)


def restrict_tree(folder: Path) -> None:
    """Take all rights on a folder's content from everyone but its owner; other users' folders are left as they are."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if (Path(place) / name).lstat().st_uid == os.geteuid()]
        for name in (*folders, *files):
            restrict(Path(place) / name)
