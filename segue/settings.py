"""Every setting, read from the environment (``SEGUE_...``), else from the running local stack, else a default.

Only entry points read this module; everything below them takes what it needs as arguments.
"""

from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from data.topics import Topics

STACK_FILE = "stack.json"


class Settings(BaseSettings):
    """What Segue needs to know about where it runs."""

    model_config = SettingsConfigDict(env_prefix="SEGUE_", extra="ignore")

    state_dir: Path = Field(Path(".segue"), description="Where the local stack keeps its data.")
    bootstrap_servers: str = Field("127.0.0.1:9092", description="Kafka brokers, comma-separated.")
    database_url: SecretStr = Field(
        SecretStr("postgresql://segue@127.0.0.1:5432/segue"), description="Postgres, as postgresql://user@host/db."
    )
    log_id: str | None = Field(
        None, description="Identity of the log; by default the cluster's id and the topic's, as the broker tells them."
    )
    transactions_topic: str = "segue.transactions.v1"
    changes_topic: str = "segue.segment-changes.v1"
    segments_topic: str = "segue.customer-segments.v1"
    dead_letters_topic: str = "segue.transactions.dlq.v1"
    partitions: int = Field(
        4, ge=0, description="Partitions of the topics that a worker creates; 0 leaves creating them to the broker."
    )
    consumer_group: str = "segue"
    currency: str = Field("GBP", description="The one currency that amounts are in; others are dead letters.")
    batch_size: int = Field(5_000, ge=1, description="Records in a micro-batch at most.")
    session_timeout: float = Field(6.0, gt=0, description="Seconds after which a silent worker loses its partitions.")
    dashboard_port: int = Field(8501, ge=0, le=65_535)

    @property
    def database(self) -> str:
        """The database URL, in the clear."""
        return self.database_url.get_secret_value()

    @property
    def topics(self) -> Topics:
        """The names of all topics."""
        return Topics(self.transactions_topic, self.changes_topic, self.segments_topic, self.dead_letters_topic)

    @property
    def datasets_dir(self) -> Path:
        """Where downloaded datasets are kept."""
        return self.state_dir / "datasets"

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
        return init_settings, env_settings, StackSource(settings_cls)


class StackSource(PydanticBaseSettingsSource):
    """The connection details that a running local stack leaves in its state folder."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: the whole file is read at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The settings in the stack's file; none where no stack runs."""
        state_dir = Path(self.current_state.get("state_dir", ".segue"))
        try:
            return dict(msgspec.json.decode((state_dir / STACK_FILE).read_bytes())["settings"])
        except FileNotFoundError:
            return {}
