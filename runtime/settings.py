"""Every setting: read from the environment (``SEGUE_...``), else from a running local stack, else a default.

A secret may also be in a file that ``SEGUE_..._FILE`` names. Only entry points read settings; lower layers get the
values as arguments.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runtime.brokers import Brokers, Mechanism, Protocol
from runtime.currencies import checked_currency, checked_locale
from runtime.durations import duration
from runtime.environment import known_variables
from runtime.errors import Hint, SegueError
from runtime.login import Login, roles, roles_of_claims, secure_address
from runtime.money import Money
from runtime.postgres_url import parsed, passwords
from runtime.running_stack import not_running_reason
from runtime.settings_sources import SecretFiles, StackSource
from runtime.topics import ChangeKind, Durability, Topics

_SHORTEST_KEY = 16
_SHORTEST_COOKIE_SECRET = 32


def _checked_by(parse: Callable[[str], object]) -> Callable[[str], str]:
    """A check of a setting that stays a text: what can't be parsed is refused."""

    def checked(text: str) -> str:
        parse(text)
        return text

    return checked


class Settings(BaseSettings):
    """The configuration of a Segue process."""

    model_config = SettingsConfigDict(
        env_prefix="SEGUE_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    state_dir: Path = Field(Path(".segue"), description="Where the local stack keeps its data.")
    bootstrap_servers: str | None = Field(
        None, description="Kafka brokers, comma-separated; needed unless a local stack is running."
    )
    security_protocol: Protocol = Field(
        "PLAINTEXT", description="Encryption and authentication of connections to Kafka."
    )
    sasl_mechanism: Mechanism = Field("SCRAM-SHA-512", description="Authentication mechanism, with a SASL protocol.")
    sasl_username: str | None = Field(
        None, description="User name, with a SASL protocol; the client id, with `OAUTHBEARER`."
    )
    sasl_password: SecretStr | None = Field(
        None, description="Password of that user; the client secret, with `OAUTHBEARER`."
    )
    sasl_token_url: Annotated[str, AfterValidator(secure_address)] | None = Field(
        None, description="With `OAUTHBEARER`: the endpoint that gives access tokens for client credentials."
    )
    sasl_token_scope: str | None = Field(None, description="With `OAUTHBEARER`: the scope to ask for, if any.")
    ssl_ca_file: Path | None = Field(
        None,
        description="PEM file of the authority for the brokers' certificates; by default the system's authorities.",
    )
    ssl_certificate_file: Path | None = Field(None, description="PEM file of the client certificate, for mutual TLS.")
    ssl_key_file: Path | None = Field(None, description="PEM file of the client certificate's key.")
    database_url: SecretStr | None = Field(
        None,
        description="Postgres, as postgresql://user@host/database; needed unless a local stack is running.",
    )
    dashboard_database_url: SecretStr | None = Field(
        None, description="Postgres for the dashboard, with a user who can only read; by default `SEGUE_DATABASE_URL`."
    )
    masked_database_url: SecretStr | None = Field(
        None,
        description="Postgres for dashboard roles that see masked ids, with a user who can't see others; needed for a "
        "login, unless `SEGUE_MASKED_ROLES` is `none`.",
    )
    worker_password: SecretStr | None = Field(
        None, description="If set, `segue migrate` creates the Postgres user `segue_worker_login` with this password."
    )
    dashboard_password: SecretStr | None = Field(
        None, description="The same for `segue_dashboard_login`, who can only read."
    )
    webhooks_password: SecretStr | None = Field(
        None, description="The same for `segue_webhooks_login`, who can only store the progress of webhooks."
    )
    drift_password: SecretStr | None = Field(
        None, description="The same for `segue_drift_login`, who can only observe drift and register models."
    )
    clock_password: SecretStr | None = Field(
        None, description="The same for `segue_clock_login`, who can only read how far the stream is."
    )
    api_password: SecretStr | None = Field(
        None, description="The same for `segue_api_login`, who can only read customers, changes and keys."
    )
    reader_password: SecretStr | None = Field(
        None, description="The same for `segue_reader_login`, who can only read the views for services."
    )
    masked_password: SecretStr | None = Field(
        None, description="The same for `segue_masked_login`, who can only read, and sees masked ids."
    )
    operator_password: SecretStr | None = Field(
        None,
        description="The same for `segue_operator_login`, who can look at everything and run an operator's commands.",
    )
    log_id: str | None = Field(
        None, description="Identity of the log; by default made from the ids of the cluster and the topic."
    )
    transactions_topic: str = Field("segue.transactions.v1", description="Transactions, ticks, models and erasures.")
    changes_topic: str = Field("segue.segment-changes.v1", description="Every segment change.")
    risk_changes_topic: str = Field("segue.risk-changes.v1", description="Every change of a risk state.")
    segments_topic: str = Field("segue.customer-segments.v1", description="The latest segment of every customer.")
    dead_letters_topic: str = Field("segue.transactions.dlq.v1", description="Records that could not be applied.")
    drift_topic: str = Field("segue.drift.v1", description="Drift alarms.")
    campaigns_topic: str = Field(
        "segue.campaigns.v1", description="Who is treated and who is held out in each campaign."
    )
    partitions: int = Field(
        4, ge=0, description="Number of partitions of the topics that a worker creates; with 0 it creates none."
    )
    replication_factor: int | None = Field(
        None,
        ge=1,
        le=32_767,
        description="Copies of each partition of the topics that Segue creates; by default the broker's.",
    )
    min_insync_replicas: int | None = Field(
        None,
        ge=1,
        le=32_767,
        description="Copies that have to confirm a record, in the topics that Segue creates; by default the broker's.",
    )
    log_retention: Annotated[timedelta, BeforeValidator(duration)] | None = Field(
        None,
        description="How long the transactions topic that Segue creates keeps records, such as 400d; by default "
        "indefinitely.",
    )
    changes_retention: Annotated[timedelta, BeforeValidator(duration)] | None = Field(
        None,
        description="How long changes are kept: in the topics of changes, risk changes and drift that Segue creates, "
        "and in Postgres if `segue prune` runs; by default indefinitely.",
    )
    dead_letters_retention: Annotated[timedelta, BeforeValidator(duration)] | None = Field(
        None,
        description="How long dead letters are kept: in the topic that Segue creates, and in Postgres, once they are "
        "retried or discarded, if `segue prune` runs; by default indefinitely.",
    )
    audit_retention: Annotated[timedelta, BeforeValidator(duration)] | None = Field(
        None,
        description="How long the audit keeps who did what, if `segue prune` runs; by default indefinitely.",
    )
    consumer_group: str = Field("segue", description="Workers of the same group share the partitions.")
    currency: Annotated[str, AfterValidator(checked_currency)] = Field(
        "GBP",
        description="Currency of all amounts, as an ISO 4217 code; a transaction in another currency becomes a dead "
        "letter. A stream keeps the currency that its first worker had.",
    )
    locale: Annotated[str, AfterValidator(checked_locale)] = Field(
        "en_GB", description="Whose separators, symbols and abbreviations amounts of money are shown with."
    )
    max_ahead: Annotated[timedelta, BeforeValidator(duration)] = Field(
        "1d",
        validate_default=True,
        description="How far the time of a transaction or a tick may be after its record's Kafka timestamp, in seconds "
        "or as 90s, 30m, 12h or 1d; a record beyond that becomes a dead letter. The same for all workers.",
    )
    control_key: SecretStr | None = Field(
        None,
        description="Key that signs ticks, models and erasures, 16 characters or more. If set, workers refuse those "
        "without a valid signature. Several keys, separated by spaces, while you change it: the first one signs.",
    )
    batch_size: int = Field(20_000, ge=1, description="Maximum number of records in a micro-batch.")
    session_timeout: float = Field(6.0, gt=0, description="Seconds after which a silent worker loses its partitions.")
    exactly_once: bool = Field(
        True,
        description="Publish changes in Kafka transactions, so that none is repeated. Off for brokers without Kafka "
        "transactions, like the embedded one: a crash may then repeat some.",
    )
    worker_id: str | None = Field(
        None,
        description="A unique name of this worker: after a restart it gets its partitions back at once. By default a "
        "restart counts as a new worker.",
    )
    auto_refit: Literal["propose", "promote", "off"] = Field(
        "propose",
        description="What `segue drift watch` does after drift: fit a new model and propose it, activate it at once, "
        "or do nothing.",
    )
    dashboard_port: int = Field(8501, ge=0, le=65_535, description="Port of `segue dashboard`.")
    dashboard_url: Annotated[str, AfterValidator(secure_address)] | None = Field(
        None, description="Address under which people open the dashboard, https://...; needed for a login."
    )
    oidc_issuer: Annotated[str, AfterValidator(secure_address)] | None = Field(
        None,
        description="Address of the OpenID Connect provider whose login the dashboard asks for; by default it asks for "
        "none.",
    )
    oidc_client_id: str | None = Field(None, description="Name under which the provider knows the dashboard.")
    oidc_client_secret: SecretStr | None = Field(None, description="Secret that the provider gave to the dashboard.")
    oidc_scopes: str = Field("openid email profile", description="Scopes to ask the provider for.")
    oidc_roles_claim: str = Field(
        "roles", min_length=1, description="Claim of the ID token with somebody's roles or groups; dots lead into it."
    )
    oidc_roles: Annotated[str, AfterValidator(_checked_by(roles_of_claims))] = Field(
        "operator=operator marketer=marketer analyst=analyst",
        description="Which value of that claim means which role: operator, marketer or analyst.",
    )
    masked_roles: Annotated[str, AfterValidator(_checked_by(roles))] = Field(
        "analyst", description="Roles that see masked ids in place of customers' ids, or `none`."
    )
    cookie_secret: SecretStr | None = Field(
        None, description="Key that signs who is logged in, 32 characters or more; a new one ends all logins."
    )
    login_lifetime: Annotated[timedelta, BeforeValidator(duration)] = Field(
        "8h", validate_default=True, description="How long after a login somebody has to log in again."
    )
    webhook_url: SecretStr | None = Field(
        None,
        description="URL to which `segue webhooks run` sends changes, https://... or http://...; treated as a secret.",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description="Key that signs requests: `whsec_` and 24 to 64 bytes in base64. "
        "Two keys, separated by a space, while you change it.",
    )
    webhook_changes: ChangeKind = Field(
        "segments",
        description="Which changes a webhook sends, those of segments or of risk states.",
    )
    webhook_where: str | None = Field(
        None,
        description="Filter of the changes to send, as in `segue changes --where`, or of risk changes; by default all "
        "are sent.",
    )
    webhook_skip_held_out: bool = Field(
        False,
        description="Leave out changes that took effect while their customer was held out of a campaign.",
    )
    webhook_name: str = Field(
        "webhook",
        pattern=r"^[\w.-]{1,64}$",
        description="Name of the webhook, under which its progress and abandoned changes are stored.",
    )
    webhook_timeout: float = Field(15.0, gt=0, description="Seconds to wait for the receiver's answer.")
    webhook_concurrency: int = Field(8, ge=1, le=200, description="Maximum number of concurrent requests.")
    webhook_attempts: int = Field(15, ge=1, description="Attempts to deliver a change before it is abandoned.")
    webhook_first_wait: float = Field(
        1.0, gt=0, description="Seconds before the second attempt; doubled before each later attempt."
    )
    webhook_longest_wait: float = Field(3600.0, gt=0, description="Maximum seconds between two attempts.")
    alert_rules: Path | None = Field(None, description="TOML file with the rules of `segue alerts`.")
    alert_destinations: SecretStr | None = Field(
        None,
        description="Where alerts go: NAME=ADDRESS, with blanks between several; an address is one of Apprise, such as "
        "`mailto://...`; treated as a secret.",
    )
    web_host: str = Field(
        "127.0.0.1", description="Interface that serves health and metrics; by default only this machine can connect."
    )
    web_port: int = Field(
        6066,
        ge=0,
        le=65_535,
        description="Port that serves health and metrics, or the next free one; with 0 nothing is served.",
    )

    @property
    def database(self) -> str:
        """The database URL, with its password.

        Raises
        ------
        SegueError
            If neither a setting nor a running stack names a database.
        """
        if self.database_url is None:
            raise self._nowhere("SEGUE_DATABASE_URL")
        return self.database_url.get_secret_value()

    @property
    def dashboard_database(self) -> str:
        """The dashboard's database URL, with its password; errors as for :attr:`database`."""
        own = self.dashboard_database_url
        return self.database if own is None else own.get_secret_value()

    @property
    def masked_database(self) -> str | None:
        """The database URL for roles that see masked ids, with its password; None if there is none."""
        return None if self.masked_database_url is None else self.masked_database_url.get_secret_value()

    @property
    def login(self) -> Login | None:
        """How the dashboard asks for a login; None if it asks for none.

        Raises
        ------
        SegueError
            If only a part of it is set: a dashboard must not be open because of a mistyped name.
        """
        needed = {
            "SEGUE_OIDC_ISSUER": self.oidc_issuer,
            "SEGUE_OIDC_CLIENT_ID": self.oidc_client_id,
            "SEGUE_OIDC_CLIENT_SECRET": self.oidc_client_secret,
            "SEGUE_COOKIE_SECRET": self.cookie_secret,
            "SEGUE_DASHBOARD_URL": self.dashboard_url,
        }
        missing = [name for name, value in needed.items() if value is None]
        if len(missing) == len(needed):
            return None
        if self.masked_database_url is None and roles(self.masked_roles):
            missing.append("SEGUE_MASKED_DATABASE_URL (or SEGUE_MASKED_ROLES=none)")
        if missing:
            raise SegueError(f"the dashboard's login needs {', '.join(missing)}: see docs/security.md")
        return Login(
            str(self.oidc_issuer),
            str(self.oidc_client_id),
            self.oidc_client_secret.get_secret_value() if self.oidc_client_secret else "",
            self.cookie_secret.get_secret_value() if self.cookie_secret else "",
            str(self.dashboard_url),
            self.oidc_scopes,
            self.oidc_roles_claim,
            roles_of_claims(self.oidc_roles),
            roles(self.masked_roles),
            self.login_lifetime,
        )

    @property
    def brokers(self) -> Brokers:
        """The connection to Kafka.

        Raises
        ------
        SegueError
            If neither a setting nor a running stack names a broker.
        """
        if self.bootstrap_servers is None:
            raise self._nowhere("SEGUE_BOOTSTRAP_SERVERS")
        return Brokers(
            self.bootstrap_servers,
            self.security_protocol,
            self.sasl_mechanism,
            self.sasl_username,
            None if self.sasl_password is None else self.sasl_password.get_secret_value(),
            self.ssl_ca_file,
            self.ssl_certificate_file,
            self.ssl_key_file,
            self.sasl_token_url,
            self.sasl_token_scope,
        )

    @property
    def known_brokers(self) -> Brokers | None:
        """The connection to Kafka; None if neither a setting nor a running stack names a broker."""
        return None if self.bootstrap_servers is None else self.brokers

    @property
    def secrets(self) -> list[str]:
        """All secrets as plain text, so that logs can mask them."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        values = {name: value.get_secret_value() for name, value in fields.items() if isinstance(value, SecretStr)}
        # Of a database URL only the password is secret; the webhook's secret may contain two keys.
        whole = [value for name, value in values.items() if not name.endswith("database_url")]
        within = [part for name, value in values.items() if name.endswith("_url") for part in passwords(value)]
        several = (part for name in ("webhook_secret", "control_key") for part in values.get(name, "").split())
        addresses = (word.partition("=")[2] for word in values.get("alert_destinations", "").split())
        return [*whole, *within, *several, *(address for address in addresses if address)]

    @property
    def control_keys(self) -> tuple[bytes, ...]:
        """The keys of control records, the one that signs first; none if anyone may write control records."""
        keys = "" if self.control_key is None else self.control_key.get_secret_value()
        return tuple(key.encode() for key in keys.split())

    @property
    def money(self) -> Money:
        """How amounts are written."""
        return Money(self.currency, self.locale)

    @property
    def topics(self) -> Topics:
        """The names of all topics, and how those that Segue creates keep records."""
        return Topics(
            transactions=self.transactions_topic,
            changes=self.changes_topic,
            segments=self.segments_topic,
            dead_letters=self.dead_letters_topic,
            drift=self.drift_topic,
            campaigns=self.campaigns_topic,
            risk_changes=self.risk_changes_topic,
            durability=Durability(
                self.replication_factor,
                self.min_insync_replicas,
                self.log_retention,
                self.changes_retention,
                self.dead_letters_retention,
            ),
        )

    @property
    def datasets_dir(self) -> Path:
        """The folder of downloaded datasets."""
        return self.state_dir / "datasets"

    def _nowhere(self, variable: str) -> SegueError:
        reason = not_running_reason(self.state_dir) or f"the stack in {self.state_dir.resolve()} names none"
        return SegueError(f"{reason} and {variable} is not set", Hint.START_A_STACK)

    @field_validator("database_url", "dashboard_database_url", "masked_database_url")
    @classmethod
    def _is_postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parsed(url.get_secret_value())
        return url

    @field_validator("cookie_secret")
    @classmethod
    def _is_hard_to_guess(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < _SHORTEST_COOKIE_SECRET:
            raise ValueError(
                f"it needs {_SHORTEST_COOKIE_SECRET} characters or more, such as those of openssl rand -hex 32"
            )
        return secret

    @field_validator("control_key")
    @classmethod
    def _is_long(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None and not all(len(key) >= _SHORTEST_KEY for key in keys.get_secret_value().split() or [""]):
            raise ValueError(f"a key needs {_SHORTEST_KEY} characters or more")
        return keys

    @model_validator(mode="after")
    def _keeps_events_apart(self) -> Self:
        setting_of: dict[str, str] = {}
        for name in type(self).model_fields:
            if name.endswith("_topic"):
                variable, topic = f"SEGUE_{name.upper()}", getattr(self, name)
                if topic in setting_of:
                    raise ValueError(f"{setting_of[topic]} and {variable} name the same topic, {topic}")
                setting_of[topic] = variable
        return self

    @model_validator(mode="after")
    def _can_confirm(self) -> Self:
        if self.replication_factor is not None and (self.min_insync_replicas or 1) > self.replication_factor:
            raise ValueError(
                f"SEGUE_MIN_INSYNC_REPLICAS ({self.min_insync_replicas}) is more than SEGUE_REPLICATION_FACTOR "
                f"({self.replication_factor}): no record could be confirmed"
            )
        return self

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"{self.security_protocol} needs SEGUE_SASL_USERNAME and SEGUE_SASL_PASSWORD")
        uses_tokens = self.security_protocol.startswith("SASL") and self.sasl_mechanism == "OAUTHBEARER"
        if uses_tokens and self.sasl_token_url is None:
            raise ValueError("OAUTHBEARER needs SEGUE_SASL_TOKEN_URL")
        missing = [name for name in ("ssl_ca_file", "ssl_certificate_file", "ssl_key_file") if _missing(self, name)]
        if missing:
            raise ValueError(f"SEGUE_{missing[0].upper()} names a file that does not exist")
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
        """Read the environment first, then files with secrets, then the running local stack."""
        return init_settings, env_settings, SecretFiles(settings_cls), StackSource(settings_cls)


def variables() -> set[str]:
    """Return the names of all variables of the environment that have a meaning for Segue."""
    fields = Settings.model_fields
    return known_variables(fields, (name for name in fields if "SecretStr" in str(fields[name].annotation)))


def bad_setting(error: ValidationError) -> str:
    """Return the first problem with the settings, without their values."""
    first = error.errors(include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    variable = f"SEGUE_{'_'.join(map(str, first['loc'])).upper()}: " if first["loc"] else ""
    return f"{variable}{message}"


def _missing(settings: Settings, name: str) -> bool:
    file: Path | None = getattr(settings, name)
    return file is not None and not file.is_file()
