"""One worker, configured by the environment; importing this imports all that a worker needs, and no more."""

from pydantic import ValidationError

from runtime import logs
from runtime.errors import SegueError
from runtime.garbage import collect_rarely
from runtime.settings import Settings, bad_setting
from stream_app.worker import run_worker
from stream_app.worker_config import WorkerConfig


def run() -> None:
    """Run a worker until it receives SIGINT or SIGTERM; an expected error ends the process with one line."""
    try:
        settings = Settings()
        logs.configure(settings.secrets)
        collect_rarely()
        run_worker(worker_config(settings))
    except ValidationError as error:
        raise SystemExit(f"error: {bad_setting(error)}") from None
    except SegueError as error:
        raise SystemExit(f"error: {error}") from None


def worker_config(settings: Settings) -> WorkerConfig:
    """The configuration that the settings describe."""
    return WorkerConfig(
        brokers=settings.brokers,
        database_url=settings.database,
        topics=settings.topics,
        consumer_group=settings.consumer_group,
        log_id=settings.log_id,
        partitions_to_create=settings.partitions,
        currency=settings.currency,
        max_ahead=settings.max_ahead,
        control_keys=settings.control_keys,
        batch_size=settings.batch_size,
        session_timeout=settings.session_timeout,
        exactly_once=settings.exactly_once,
        worker_id=settings.worker_id,
        web_host=settings.web_host,
        web_port=settings.web_port,
    )
