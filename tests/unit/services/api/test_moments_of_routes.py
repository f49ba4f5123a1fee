"""Routes of the HTTP API that answer now only refuse a past moment, which they would silently ignore."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from services.api.access import Keys
from services.api.app import Api, application


async def no_such_key(_query: object) -> None:
    return None


def asked(method: str, path: str, keys: Keys | None = None) -> httpx.Response:
    """An answer of the API without anything behind it."""
    nothing: Any = SimpleNamespace()
    allowed = Keys(None) if keys is None else keys
    app: Any = application(Api(nothing, nothing, nothing, allowed, nothing, timedelta(days=1), 1.0, 1.0))

    async def asking() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            return await client.request(method, path)

    return asyncio.run(asking())


def routes() -> dict[tuple[str, str], Any]:
    """Every operation of the OpenAPI document by method and path."""
    paths: dict[str, Any] = asked("GET", "/schema/openapi.json").json()["paths"]
    return {(method, path): found for path, methods in paths.items() for method, found in methods.items()}


def test_only_the_members_of_an_audience_can_be_asked_for_as_of_a_moment() -> None:
    accepting = [
        path
        for (_, path), found in routes().items()
        if "as_of" in [each["name"] for each in found.get("parameters", [])]
    ]
    assert accepting == ["/v1/audiences/{name}/customers"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/customers/12347"),
        ("GET", "/v1/customers/12347/changes"),
        ("GET", "/v1/customers"),
        ("GET", "/v1/segments"),
        ("GET", "/v1/audiences"),
        ("GET", "/v1/audiences/Late%20ones"),
        ("GET", "/v1/schemas"),
        ("GET", "/v1/schemas/tick"),
        ("POST", "/v1/transactions"),
    ],
)
def test_a_route_of_the_present_refuses_a_past_moment_in_one_line(method: str, path: str) -> None:
    for query in ("as_of=2011-06-01", "as_of=soon", "as_of="):
        found = asked(method, f"{path}?{query}")
        assert found.status_code == 400
        [line] = found.json()["detail"].splitlines()
        assert line.startswith("as_of: this route answers now only")
        assert "/v1/audiences/{name}/customers" in line


def test_every_route_documents_the_refusal_as_it_is_answered() -> None:
    for operation in routes().values():
        schema = operation["responses"]["400"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}


def test_a_client_without_a_key_learns_nothing_about_moments() -> None:
    assert asked("GET", "/v1/segments?as_of=2011-06-01", Keys(no_such_key)).status_code == 401
