"""The connection to Kafka: addresses, encryption and credentials. Every client is configured from this one value."""

import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from runtime.oauth import TokenSource, token_source

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]

# Without a logger, librdkafka writes to standard error itself.
_log = logging.getLogger("librdkafka")


@dataclass(frozen=True, slots=True)
class Brokers:
    """Addresses (comma-separated) and security. Files are PEM; without ``ca_file`` the system's authorities count.

    With OAUTHBEARER, user name and password are the client id and secret for the endpoint ``token_url``.

    ``str`` and ``repr`` show no secret.
    """

    servers: str
    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    token_url: str | None = None
    token_scope: str | None = None

    @property
    def authenticated(self) -> bool:
        """Whether clients log in with a user name and a password, or with an access token."""
        return self.protocol.startswith("SASL")

    @property
    def tokens(self) -> TokenSource | None:
        """The source of access tokens; None if clients log in without one."""
        if not self.authenticated or self.mechanism != "OAUTHBEARER" or self.token_url is None:
            return None
        return token_source(self.token_url, self.username or "", self.password or "", self.token_scope)

    @property
    def encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self.protocol.endswith("SSL")

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of every confluent-kafka client, with librdkafka's names.

        Raises
        ------
        TokenError
            If clients log in with access tokens, and there is none.
        """
        config: dict[str, Any] = {
            "bootstrap.servers": self.servers,
            "security.protocol": self.protocol,
            "log.connection.close": False,
            "logger": _log,
        }
        if (tokens := self.tokens) is not None:
            # A client without a token blocks for ten seconds and then says less than the endpoint does.
            tokens.token()
            config |= {"sasl.mechanism": self.mechanism, "oauth_cb": lambda _: tokens.token()}
        elif self.authenticated:
            config |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        if self.encrypted:
            files = {
                "ssl.ca.location": self.ca_file,
                "ssl.certificate.location": self.certificate_file,
                "ssl.key.location": self.key_file,
            }
            config |= {name: str(file) for name, file in files.items() if file is not None}
        return config

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS context for clients written in Python; None without encryption."""
        if not self.encrypted:
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.certificate_file is not None:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context

    def __str__(self) -> str:
        if self.protocol == "PLAINTEXT":
            return self.servers
        who = f", {self.mechanism} as {self.username}" if self.authenticated else ""
        return f"{self.servers} ({self.protocol}{who})"
