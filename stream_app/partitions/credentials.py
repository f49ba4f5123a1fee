"""The security settings of the brokers as Faust's credentials; Faust's Kafka client is aiokafka."""

from faust.auth import Credentials, OAuthCredentials, SASLCredentials, SSLCredentials

from data.kafka.tokens import async_tokens
from runtime.brokers import Brokers


def credentials(brokers: Brokers) -> Credentials | None:
    """Faust's credentials; None for a connection without authentication and encryption."""
    tls = brokers.tls()
    tokens = async_tokens(brokers)
    if tokens is not None:
        return OAuthCredentials(oauth_cb=tokens, ssl_context=tls)
    if brokers.authenticated:
        return SASLCredentials(
            username=brokers.username, password=brokers.password, mechanism=brokers.mechanism, ssl_context=tls
        )
    return None if tls is None else SSLCredentials(tls)
