"""A real connection pooler in front of a Postgres server."""

import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psycopg
from sqlalchemy import make_url

from segue.local.ports import free_ports
from segue.local.processes import ChildProcess
from tests.support.local_stack import wait_until

PROGRAM = shutil.which("pgbouncer")
# The pooler refuses to run as root, and must reach the socket of a server that only its owner may open.
_UNPRIVILEGED = "pgserver"


@contextmanager
def pooled(database_url: str, folder: Path, mode: Literal["session", "transaction"]) -> Iterator[str]:
    """The URL of a database behind the pooler while the block runs."""
    url = make_url(database_url)
    [port] = free_ports(1)
    file = folder / f"{mode}.ini"
    file.write_text(
        f"[databases]\n{url.database} = host={url.query['host']} user={url.username}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n"
    )
    as_user: list[str] = []
    if os.geteuid() == 0:
        user = pwd.getpwnam(_UNPRIVILEGED)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--groups=0"]
        # Root's group may pass through the folders of tests; see LocalPostgres.
        folder.chmod(0o710)
        file.chmod(0o640)
    child = ChildProcess("pgbouncer", [*as_user, str(PROGRAM), str(file)], {}, folder / f"{mode}.log")
    child.start()
    address = f"postgresql://{url.username}@127.0.0.1:{port}/{url.database}"
    try:
        wait_until(lambda: child.exit_code is not None or _answers(address))
        assert child.exit_code is None, (folder / f"{mode}.log").read_text()
        yield address
    finally:
        child.stop()


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True
