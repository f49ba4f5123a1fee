"""The OpenAPI document and its page, made from the types; the page loads nothing from elsewhere."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import msgspec
import swagger_ui_bundle
from litestar import Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components, OpenAPI, OpenAPIMediaType, Operation, RequestBody, SecurityScheme
from litestar.static_files import create_static_files_router

from services.api.schemas import MOST_ITEMS, NewTransaction

_ASSETS = "/schema/assets"
_REFERENCE = "#/components/schemas/{name}"


def openapi() -> OpenAPIConfig:
    """What the OpenAPI document says besides the routes."""
    scheme = SecurityScheme(type="http", scheme="bearer", description="A key of `segue keys create`.")
    return OpenAPIConfig(
        title="Segue",
        version=version("segue"),
        description="Send transactions, and ask for a customer's segment.",
        components=Components(security_schemes={"key": scheme}),
        security=[{"key": []}],
        path="/schema",
        render_plugins=[
            SwaggerRenderPlugin(
                js_url=f"{_ASSETS}/swagger-ui-bundle.js",
                css_url=f"{_ASSETS}/swagger-ui.css",
                standalone_preset_js_url=f"{_ASSETS}/swagger-ui-standalone-preset.js",
                favicon='<link rel="icon" href="data:,">',
            ),
            JsonRenderPlugin(),
            YamlRenderPlugin(),
        ],
    )


def describe_body(document: OpenAPI) -> None:
    """Add the schemas of what may be posted, which the routes' signatures do not show."""
    _, posted = msgspec.json.schema_components([NewTransaction], ref_template=_REFERENCE)
    schemas: dict[str, Any] = document.components.schemas if document.components else {}
    # A schema may be given as it is in JSON.
    schemas.update(posted)


def page_assets() -> Router:
    """The files of the document's page."""
    return create_static_files_router(_ASSETS, [swagger_ui_bundle.swagger_ui_path], include_in_schema=False)


def _body() -> RequestBody:
    one: dict[str, Any] = {"$ref": _REFERENCE.format(name=NewTransaction.__name__)}
    several = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_ITEMS}
    schema: Any = {"oneOf": [one, several]}
    return RequestBody({"application/json": OpenAPIMediaType(schema=schema)}, required=True)


@dataclass
class PostTransactions(Operation):
    """The operation whose body the handler reads by itself, so that it can give every reason for each item."""

    def __post_init__(self) -> None:
        self.request_body = _body()
