"""Every setting, read from the environment (``SEGUE_...``), else from the running local stack, else a default.

A secret may also be read from a file, which ``SEGUE_..._FILE`` names. Only entry points read this module; everything
below them takes what it needs as arguments.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runtime.brokers import Brokers, Mechanism, Protocol
from runtime.postgres_url import parsed, passwords
from runtime.settings_sources import SecretFiles, StackSource
from runtime.topics import Topics


class Settings(BaseSettings):
    """What Segue needs to know about where it runs."""

    model_config = SettingsConfigDict(
        env_prefix="SEGUE_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    state_dir: Path = Field(Path(".segue"), description="Where the local stack keeps its data.")
    bootstrap_servers: str = Field("127.0.0.1:9092", description="Kafka brokers, comma-separated.")
    security_protocol: Protocol = Field("PLAINTEXT", description="How the way to Kafka is locked.")
    sasl_mechanism: Mechanism = Field("SCRAM-SHA-512", description="How we say who we are, with a SASL protocol.")
    sasl_username: str | None = Field(None, description="Who we are, with a SASL protocol.")
    sasl_password: SecretStr | None = Field(None, description="The password that belongs to it.")
    ssl_ca_file: Path | None = Field(
        None, description="PEM file of the authority that vouches for the brokers; by default the system's authorities."
    )
    ssl_certificate_file: Path | None = Field(None, description="PEM file of our own certificate, if brokers ask.")
    ssl_key_file: Path | None = Field(None, description="PEM file of the key that belongs to it.")
    database_url: SecretStr = Field(
        SecretStr("postgresql://segue@127.0.0.1:5432/segue"), description="Postgres, as postgresql://user@host/db."
    )
    dashboard_database_url: SecretStr | None = Field(
        None, description="The same for the dashboard, with a user who can only read; by default `SEGUE_DATABASE_URL`."
    )
    worker_password: SecretStr | None = Field(
        None, description="Where set, `segue migrate` makes the Postgres user `segue_worker_login` with this password."
    )
    dashboard_password: SecretStr | None = Field(
        None, description="The same for the user `segue_dashboard_login`, who can only read."
    )
    webhooks_password: SecretStr | None = Field(
        None, description="The same for the user `segue_webhooks_login`, who can only keep account of webhooks."
    )
    drift_password: SecretStr | None = Field(
        None, description="The same for the user `segue_drift_login`, who can only observe and register models."
    )
    log_id: str | None = Field(
        None, description="Identity of the log; by default the cluster's id and the topic's, as the broker tells them."
    )
    transactions_topic: str = Field("segue.transactions.v1", description="Transactions, ticks and models.")
    changes_topic: str = Field("segue.segment-changes.v1", description="Every segment change.")
    segments_topic: str = Field("segue.customer-segments.v1", description="The latest segment of every customer.")
    dead_letters_topic: str = Field("segue.transactions.dlq.v1", description="Records that could not be applied.")
    drift_topic: str = Field("segue.drift.v1", description="Alarms that the world has moved away from the model.")
    partitions: int = Field(
        4, ge=0, description="Partitions of the topics that a worker creates; 0 leaves creating them to the broker."
    )
    consumer_group: str = Field("segue", description="Workers of the same group share the partitions.")
    currency: str = Field("GBP", description="The one currency that amounts are in; others are dead letters.")
    batch_size: int = Field(5_000, ge=1, description="Records in a micro-batch at most.")
    session_timeout: float = Field(6.0, gt=0, description="Seconds after which a silent worker loses its partitions.")
    exactly_once: bool = Field(
        True,
        description="Publish changes in Kafka's transactions, none twice. Off for brokers that have none, like the "
        "embedded one: a crash may then repeat some.",
    )
    worker_id: str | None = Field(
        None,
        description="A name that this worker keeps when it is started again and no other one has: it gets its "
        "partitions back at once. By default a worker is a stranger every time.",
    )
    auto_refit: Literal["propose", "promote", "off"] = Field(
        "propose",
        description="What `segue drift watch` does when drift is raised: fit a new model and propose it, put it in "
        "force at once, or nothing.",
    )
    dashboard_port: int = Field(8501, ge=0, le=65_535, description="Where `segue dashboard` serves.")
    webhook_url: SecretStr | None = Field(
        None, description="Where `segue webhooks run` sends changes: https://... or http://... (some are secrets)."
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description="What requests are signed with: `whsec_` and 24 to 64 bytes in base64. "
        "Two, parted by a space, while you change it.",
    )
    webhook_where: str | None = Field(
        None, description="Only changes like this are sent, as `segue changes --where` has it; by default all."
    )
    webhook_name: str = Field(
        "webhook",
        pattern=r"^[\w.-]{1,64}$",
        description="Each webhook has its own progress and dead letters under its name.",
    )
    webhook_timeout: float = Field(15.0, gt=0, description="Seconds that the receiver has to answer.")
    webhook_concurrency: int = Field(8, ge=1, le=200, description="Requests under way at the same time at most.")
    webhook_attempts: int = Field(15, ge=1, description="Attempts at a change before it is given up.")
    webhook_first_wait: float = Field(
        1.0, gt=0, description="Seconds before the second attempt; twice as long before each later one."
    )
    webhook_longest_wait: float = Field(3600.0, gt=0, description="Seconds between two attempts at most.")
    web_host: str = Field("127.0.0.1", description="Interface of a worker's health and metrics; this machine's own.")
    web_port: int = Field(
        6066, ge=0, le=65_535, description="Port of the same; where it is taken, the next free one. 0 serves nothing."
    )

    @property
    def database(self) -> str:
        """The database URL, in the clear."""
        return self.database_url.get_secret_value()

    @property
    def dashboard_database(self) -> str:
        """The dashboard's database URL, in the clear."""
        return (self.dashboard_database_url or self.database_url).get_secret_value()

    @property
    def brokers(self) -> Brokers:
        """How Kafka is reached."""
        return Brokers(
            self.bootstrap_servers,
            self.security_protocol,
            self.sasl_mechanism,
            self.sasl_username,
            None if self.sasl_password is None else self.sasl_password.get_secret_value(),
            self.ssl_ca_file,
            self.ssl_certificate_file,
            self.ssl_key_file,
        )

    @property
    def secrets(self) -> list[str]:
        """Everything that no log may show, in the clear."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        values = {name: value.get_secret_value() for name, value in fields.items() if isinstance(value, SecretStr)}
        # All but a database's URL is secret as a whole; the webhook's secret may be two.
        whole = [value for name, value in values.items() if not name.endswith("database_url")]
        within = [part for name, value in values.items() if name.endswith("_url") for part in passwords(value)]
        return [*whole, *within, *values.get("webhook_secret", "").split()]

    @property
    def topics(self) -> Topics:
        """The names of all topics."""
        return Topics(
            transactions=self.transactions_topic,
            changes=self.changes_topic,
            segments=self.segments_topic,
            dead_letters=self.dead_letters_topic,
            drift=self.drift_topic,
        )

    @property
    def datasets_dir(self) -> Path:
        """Where downloaded datasets are kept."""
        return self.state_dir / "datasets"

    @field_validator("database_url", "dashboard_database_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parsed(url.get_secret_value())
        return url

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.brokers.authenticated and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"{self.security_protocol} needs SEGUE_SASL_USERNAME and SEGUE_SASL_PASSWORD")
        missing = [name for name in ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file") if _missing(self, name)]
        if missing:
            raise ValueError(f"SEGUE_{missing[0].upper()} names a file that is not there")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the running local stack."""
        return init_settings, env_settings, SecretFiles(settings_cls), StackSource(settings_cls)


def bad_setting(error: ValidationError) -> str:
    """The first thing that is wrong with the settings, without what they hold."""
    first = error.errors(include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    variable = f"SEGUE_{'_'.join(map(str, first['loc'])).upper()}: " if first["loc"] else ""
    return f"{variable}{message}"


def _missing(settings: Settings, name: str) -> bool:
    file: Path | None = getattr(settings, name)
    return file is not None and not file.is_file()
