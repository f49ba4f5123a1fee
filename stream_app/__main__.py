"""``python -m stream_app``: one worker, settings from the environment, nothing imported that it does not need."""

from runtime import logs
from runtime.settings import Settings
from stream_app.worker import run_worker


def main() -> None:
    """Run a worker until it is told to stop."""
    settings = Settings()
    logs.configure(settings.secrets)
    run_worker(
        brokers=settings.brokers,
        database_url=settings.database,
        topics=settings.topics,
        group=settings.consumer_group,
        log_id=settings.log_id,
        partitions=settings.partitions,
        currency=settings.currency,
        batch_size=settings.batch_size,
        session_timeout=settings.session_timeout,
        exactly_once=settings.exactly_once,
        worker_id=settings.worker_id,
        web_host=settings.web_host,
        web_port=settings.web_port,
    )


if __name__ == "__main__":
    main()
