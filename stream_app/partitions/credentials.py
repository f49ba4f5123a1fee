"""Security in the terms of Faust, whose Kafka client is aiokafka."""

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from runtime.brokers import Brokers


def credentials(brokers: Brokers) -> Credentials | None:
    """What Faust needs to be let in; None where there are no locks."""
    tls = brokers.tls()
    if brokers.authenticated:
        return SASLCredentials(
            username=brokers.username, password=brokers.password, mechanism=brokers.mechanism, ssl_context=tls
        )
    return None if tls is None else SSLCredentials(tls)
