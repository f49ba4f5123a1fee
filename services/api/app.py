"""The HTTP API as an ASGI application."""

import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import unquote

from litestar import Litestar, Request, Response, Router, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import (
    ClientException,
    HTTPException,
    NotAuthorizedException,
    NotFoundException,
    PermissionDeniedException,
)
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from litestar.types import ASGIApp, Receive, Scope, Send
from sqlalchemy.exc import DBAPIError

from data.contract import schema_files
from data.postgres.api_keys import ApiKey
from models.audience import AudienceError
from runtime.counts import many
from runtime.errors import NotFoundError
from runtime.moments import parse_moment
from services.api.access import Keys
from services.api.audiences import AudienceReader
from services.api.checking import BodyError, check
from services.api.currency_check import CurrencyCheck
from services.api.document import PostTransactions, describe_body, openapi, page_assets
from services.api.log import AcknowledgedLog, BusyError, RefusedError
from services.api.rates import Bucket
from services.api.reading import MOST_ROWS, CustomerReader
from services.api.schemas import (
    Accepted,
    AudienceMembers,
    AudienceNames,
    AudienceSummary,
    Changes,
    Customer,
    Members,
    Problem,
    Refused,
    Segments,
)

#: The largest body of a request, in bytes.
MOST_BYTES = 16 * 1024 * 1024
_SHUTDOWN_SECONDS = 20.0
_NOBODY = "no customer has this id"
#: The parameter that asks for a past moment.
AS_OF = "as_of"
_ONLY_NOW = (
    "as_of: this route answers now only; a past moment can be asked for at /v1/audiences/{name}/customers, and by "
    "`segue as-of`"
)

Limit = Annotated[int, Parameter(ge=1, le=MOST_ROWS, description="The most rows of the page.")]
AudienceName = Annotated[str, Parameter(description="Percent-encoded; a blank is `%20`.")]
AsOf = Annotated[
    str | None,
    Parameter(
        description="Who was in it at a past moment of event time: a day, which is its first moment (UTC), or a moment."
    ),
]
CustomerId = Annotated[str, Parameter(description="Percent-encoded; a slash is `%2F`.")]


@dataclass
class Api:
    """What the handlers use. ``rate`` is how many transactions a second each key may post."""

    reader: CustomerReader
    audiences: AudienceReader
    log: AcknowledgedLog
    keys: Keys
    currency: CurrencyCheck
    max_ahead: timedelta
    rate: float
    ack_seconds: float
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def wait_seconds(self, key: ApiKey, items: int) -> float:
        """0 if a key may post this many transactions now, else the seconds until it may."""
        now = time.monotonic()
        bucket = self.buckets.setdefault(key.key_id, Bucket.full(self.rate, now))
        return bucket.wait_seconds(items, now)


def application(api: Api) -> ASGIApp:
    """The API. Ids in paths stay percent-encoded until a handler has them, because an id may hold a slash."""

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        yield
        api.log.close(_SHUTDOWN_SECONDS)
        await api.reader.close()
        api.audiences.close()

    readers = [get_customer, get_changes, get_segments, get_customers, get_schemas, get_schema]
    about_audiences = [get_audiences, get_audience, get_audience_customers]
    handlers = [post_transactions, *readers, *about_audiences]
    routes = Router("/v1", route_handlers=handlers, before_request=_refuse_moment)
    litestar = Litestar(
        route_handlers=[routes, healthz, readyz, page_assets()],
        lifespan=[running],
        openapi_config=openapi(),
        request_max_body_size=MOST_BYTES,
        exception_handlers={
            HTTPException: _problem,
            NotFoundError: _unknown,
            AudienceError: _unreadable,
            DBAPIError: _no_postgres,
        },
    )
    litestar.state.api = api
    describe_body(litestar.openapi_schema)
    return _EncodedPaths(litestar)


async def _may(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let a request pass whose key has the handler's scope."""
    keys: Keys = connection.app.state.api.keys
    key = await keys.of(connection.headers.get("authorization"), connection.headers.get("x-api-key"))
    if key is None:
        raise NotAuthorizedException("send a valid API key, as `Authorization: Bearer KEY`")
    scope = handler.opt["scope"]
    if scope not in key.scopes:
        raise PermissionDeniedException(f"the key {key.name} lacks the scope {scope}")
    connection.state.key = key


async def _refuse_moment(request: Request[Any, Any, Any]) -> None:
    """Refuse ``as_of`` where only the present is known, which would be taken for that moment."""
    handler = request.route_handler
    if AS_OF in request.query_params and AS_OF not in handler.parsed_fn_signature.parameters:
        raise ClientException(_ONLY_NOW)


_BAD: dict[int, ResponseSpec] = {
    400: ResponseSpec(Problem, description="A parameter is not valid, or `as_of` is asked of a route that has none.")
}
_READ: dict[str, Any] = {
    "guards": [_may],
    "opt": {"scope": "read"},
    "tags": ["Customers and segments"],
    "responses": _BAD,
}
_AUDIENCES: dict[str, Any] = {**_READ, "tags": ["Audiences"]}


@post(
    "/transactions",
    guards=[_may],
    opt={"scope": "write"},
    status_code=202,
    summary="Send one transaction, or a list of at most 5,000",
    description="Answers 202 when Kafka has all of them. Nothing is sent if one of them is not valid. A transaction "
    "with a known id changes nothing, so a request whose answer got lost can be sent again.",
    operation_class=PostTransactions,
    responses={
        **_BAD,
        422: ResponseSpec(Refused, description="Some are not valid; none was sent."),
        429: ResponseSpec(Problem, description="Too many; `Retry-After` has the seconds to wait."),
        503: ResponseSpec(
            Problem, description="Kafka has not acknowledged all of them, or none can be accepted; send them again."
        ),
    },
    tags=["Transactions"],
)
async def post_transactions(request: Request[Any, Any, Any]) -> Response[Accepted | Refused | Problem]:
    """Send transactions."""
    api: Api = request.app.state.api
    trouble = await api.currency.trouble()
    if trouble is not None:
        return _answer(503, trouble)
    try:
        valid, refused = check(await request.body(), api.currency.accepted, api.max_ahead, api.now())
    except BodyError as error:
        return _answer(422, str(error))
    if refused:
        of_all = f"of {many(len(refused) + len(valid), 'transaction')}"
        several = f"{many(len(refused), f'{of_all} is', f'{of_all} are')} not valid; none was sent"
        return Response(Refused(several, refused), status_code=422)
    wait = api.wait_seconds(request.state.key, len(valid))
    if wait:
        return _answer(429, "too many transactions for this key", wait)
    try:
        await api.log.write(valid, api.ack_seconds)
    except BusyError as error:
        return _answer(503, f"{error}; send them again: known ids change nothing", 1)
    except RefusedError as error:
        return _answer(422, f"Kafka refuses a record: {error}; look at the topic's max.message.bytes")
    return Response(Accepted(len(valid)), status_code=202)


@get("/customers/{customer_id:str}", summary="One customer: segment, R, F and M, the next change, and why", **_READ)
async def get_customer(customer_id: CustomerId, request: Request[Any, Any, Any]) -> Customer:
    """Return one customer."""
    api: Api = request.app.state.api
    found = await api.reader.customer(unquote(customer_id))
    if found is None:
        raise NotFoundException(_NOBODY)
    return found


@get("/customers/{customer_id:str}/changes", summary="A customer's segment changes, the oldest first", **_READ)
async def get_changes(
    customer_id: CustomerId,
    request: Request[Any, Any, Any],
    after: Annotated[int, Parameter(ge=0, description="Only changes with a higher number.")] = 0,
    limit: Limit = 100,
) -> Changes:
    """Return a page of changes."""
    api: Api = request.app.state.api
    found = await api.reader.changes(unquote(customer_id), after, limit)
    if found is None:
        raise NotFoundException(_NOBODY)
    return found


@get("/segments", summary="The segments of the active model, and how many customers each has", **_READ)
async def get_segments(request: Request[Any, Any, Any]) -> Segments:
    """Return the segments."""
    api: Api = request.app.state.api
    found = await api.reader.segments()
    if found is None:
        raise NotFoundException("there is no model yet")
    return found


@get("/customers", summary="Customers in the order of their ids, of one segment or of all", **_READ)
async def get_customers(
    request: Request[Any, Any, Any],
    segment: Annotated[str | None, Parameter(description="The id of a segment.")] = None,
    after: Annotated[str, Parameter(description="Only ids above this one.")] = "",
    limit: Limit = 100,
) -> Members:
    """Return a page of customers."""
    api: Api = request.app.state.api
    return await api.reader.members(segment, after, limit)


@get("/audiences", summary="The names of all audiences", **_AUDIENCES)
async def get_audiences(request: Request[Any, Any, Any]) -> AudienceNames:
    """Return the names."""
    api: Api = request.app.state.api
    return await api.audiences.names()


@get("/audiences/{name:str}", summary="An audience: its definition, and how many customers are in it", **_AUDIENCES)
async def get_audience(name: AudienceName, request: Request[Any, Any, Any]) -> AudienceSummary:
    """Return the definition and the count."""
    api: Api = request.app.state.api
    return await api.audiences.summary(unquote(name))


@get("/audiences/{name:str}/customers", summary="Who is in an audience, in the order of their ids", **_AUDIENCES)
async def get_audience_customers(
    name: AudienceName,
    request: Request[Any, Any, Any],
    after: Annotated[str, Parameter(description="Only ids above this one.")] = "",
    limit: Limit = 100,
    as_of: AsOf = None,
) -> AudienceMembers:
    """Return a page of members."""
    api: Api = request.app.state.api
    try:
        at = None if as_of is None else parse_moment(as_of)
    except ValueError as error:
        raise ClientException(f"as_of: {error}") from None
    return await api.audiences.members(unquote(name), after, limit, at)


@get(
    "/schemas",
    summary="The names of the messages' JSON Schemas",
    tags=["Contract"],
    security=[{}],
    responses=_BAD,
)
async def get_schemas() -> list[str]:
    """Return the names."""
    return schema_files.names()


@get(
    "/schemas/{name:str}",
    summary="The JSON Schema of a message in a topic",
    tags=["Contract"],
    security=[{}],
    responses=_BAD,
    media_type="application/schema+json",
)
async def get_schema(name: str) -> bytes:
    """Return a schema, which needs no key: it is part of the published contract."""
    if name not in schema_files.names():
        raise NotFoundException("no schema has this name")
    return schema_files.read(name)


@get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, bool]:
    """Return 200: the process answers."""
    return {"alive": True}


@get("/readyz", include_in_schema=False)
async def readyz(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Return 200 if Postgres and Kafka answer, and the stream has the API's currency; else 503."""
    api: Api = request.app.state.api
    postgres = await api.reader.trouble()
    currency = None if postgres else await api.currency.trouble()
    reasons = [reason for reason in (postgres, currency, await api.log.trouble()) if reason]
    return Response({"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200)


def _answer(status: int, detail: str, wait: float = 0) -> Response[Any]:
    headers = {"Retry-After": str(math.ceil(wait))} if wait else {}
    return Response(Problem(detail), status_code=status, headers=headers)


def _problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    detail = error.detail
    if isinstance(extra := error.extra, list):
        detail = "; ".join([detail, *(f"{each.get('key')}: {each.get('message')}" for each in extra)])
    return Response(Problem(detail), status_code=error.status_code, headers=error.headers)


def _unknown(request: Request[Any, Any, Any], error: NotFoundError) -> Response[Problem]:
    return _answer(404, str(error))


def _unreadable(request: Request[Any, Any, Any], error: AudienceError) -> Response[Problem]:
    # A later version of Segue has saved what this one can't read.
    return _answer(501, str(error))


def _no_postgres(request: Request[Any, Any, Any], error: DBAPIError) -> Response[Problem]:
    return _answer(503, "Postgres does not answer", 1)


class _EncodedPaths:
    """Routes by the path as it was sent, in which a slash of an id is ``%2F``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if raw := scope.get("raw_path"):
            scope["path"] = raw.partition(b"?")[0].decode("ascii", "replace")
        await self._app(scope, receive, send)
