"""All checks, in order; a part that can't be looked at is a finding, too."""

from collections.abc import Iterator

import psycopg
from confluent_kafka import KafkaException
from pydantic import ValidationError

from runtime.errors import SegueError, first_line
from runtime.settings import Settings, bad_setting
from segue.doctor import look_kafka, look_machine, look_postgres
from segue.doctor.finding import CheckFinding, problem


def examine() -> Iterator[CheckFinding]:
    """Look at the machine, the settings, Kafka and Postgres, and judge what is there."""
    yield from look_machine.look()
    try:
        settings = Settings()
    except ValidationError as error:
        yield problem("settings", bad_setting(error), "correct it; docs/settings.md explains each setting")
        return
    except (FileNotFoundError, SegueError) as error:
        yield problem("settings", str(error), "correct the path, or its rights")
        return
    yield from look_machine.look_at_state(settings)
    broker = None
    try:
        if settings.bootstrap_servers is not None:
            broker = look_kafka.look(settings.brokers, settings.topics, settings.log_id)
            yield from look_kafka.judge(broker, settings.topics)
    except KafkaException as error:
        text = f"no answer from {settings.brokers} ({error.args[0].str()})"
        yield problem("kafka", text, "set SEGUE_BOOTSTRAP_SERVERS, or start `segue up`")
    if settings.database_url is None:
        return
    try:
        seen = look_postgres.look(settings.database)
    except psycopg.Error as error:
        reason = first_line(error)
        yield problem("postgres", f"no answer ({reason})", "set SEGUE_DATABASE_URL, or start `segue up`")
        return
    if broker is None:
        yield from look_postgres.judge(seen, None, {}, None)
    else:
        yield from look_postgres.judge(seen, broker.log_id, broker.ends, broker.partitions)
