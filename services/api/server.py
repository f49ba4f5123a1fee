"""The HTTP API as a process."""

from datetime import timedelta
from typing import Protocol

import structlog
import uvicorn
from sqlalchemy.exc import OperationalError

from data.postgres import currency
from data.postgres.database import engine
from producers.log_session import Connections
from runtime.errors import first_line
from services.api.access import Keys
from services.api.app import Api, application
from services.api.audiences import AudienceReader
from services.api.currency_check import CurrencyCheck
from services.api.log import AcknowledgedLog
from services.api.reading import CustomerReader

log = structlog.get_logger(__name__)

_CONNECT_SECONDS = 5
_ACK_SECONDS = 30.0
_SHUTDOWN_SECONDS = 30
# More connections than that wait in the kernel or are refused.
_MOST_CONNECTIONS = 1_000


class ApiConfig(Connections, Protocol):
    """What the API connects to, and the rules of its transactions."""

    @property
    def currency(self) -> str: ...

    @property
    def max_ahead(self) -> timedelta: ...


def serve(config: ApiConfig, address: str, port: int, rate: float, with_keys: bool) -> None:
    """Serve until SIGINT or SIGTERM; requests that are under way are answered first."""
    reader = CustomerReader(config.database)
    api = Api(
        reader=reader,
        audiences=AudienceReader(config.database),
        log=AcknowledgedLog(config.brokers, config.topics.transactions),
        keys=Keys(reader.row if with_keys else None),
        currency=CurrencyCheck(reader.row, config.currency),
        max_ahead=config.max_ahead,
        rate=rate,
        ack_seconds=_ACK_SECONDS,
    )
    uvicorn.run(
        application(api),
        host=address,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


def check_currency(config: ApiConfig) -> None:
    """Make sure, if Postgres answers, that the stream has the currency of the API.

    Raises
    ------
    CurrencyError
        If the stored amounts are in another one.
    """
    postgres = engine(config.database, _CONNECT_SECONDS)
    try:
        currency.check(postgres, config.currency)
    except OperationalError as error:
        # Each request checks it again, and none is accepted without Postgres.
        log.warning("the currency of the stream is not checked yet", reason=first_line(error.orig))
    finally:
        postgres.dispose()
