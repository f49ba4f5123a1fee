"""``segue webhooks run`` as a process against a local stack."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from data.postgres import roles
from data.postgres.database import engine
from tests.support.local_stack import Local
from tests.support.webhook_receiver import SECRET, Receiver

ATTEMPTS = 6
# A process ends within a moment; the bound is for a machine that is busy with something else.
ENDS_WITHIN = 180


def webhook_environment(run: Local, receiver: Receiver, name: str, **settings: object) -> dict[str, str]:
    """The environment of a webhook's process, with a database login that may only write the webhooks' tables."""
    own = {
        "state_dir": run.stack.state_dir,
        "database_url": _login(run),
        "webhook_url": receiver.url,
        "webhook_secret": SECRET,
        "webhook_name": name,
        "webhook_attempts": ATTEMPTS,
        "webhook_first_wait": 0.05,
        "webhook_longest_wait": 0.2,
        **settings,
    }
    return os.environ | {"NO_PROXY": "*"} | {f"SEGUE_{key.upper()}": str(value) for key, value in own.items()}


class WebhookProcess:
    """A running ``segue webhooks run`` and its log."""

    def __init__(self, environment: dict[str, str], folder: Path, *arguments: str) -> None:
        self._log = folder / f"webhook-{len(list(folder.iterdir()))}.log"
        command = [sys.executable, "-m", "segue", "webhooks", "run", *arguments]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, env=environment, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def ask_to_stop(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def interrupt(self) -> int:
        """Press Ctrl-C; returns the exit code."""
        self.ask_to_stop()
        return self.exit_code()

    def exit_code(self) -> int:
        """Wait for the end of the process."""
        return self._process.wait(ENDS_WITHIN)

    def log(self) -> str:
        """Everything that the process has logged."""
        return self._log.read_text()


def _login(run: Local) -> str:
    owner = engine(run.settings.database)
    user = roles.make_login(owner, roles.WEBHOOKS, None)
    owner.dispose()
    return owner.url.set(drivername="postgresql", username=user).render_as_string(hide_password=False)
