"""The HTTP API of a running stack: orders go in, and services ask for customers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from batch.fit_dataset import fit_before
from data.contract import schema_files
from data.postgres import api_keys, audiences, erasures, progress
from models.audience import AudienceDefinition
from segue.local.ports import free_ports
from tests.support.commands import segue
from tests.support.local_stack import Local, local, wait_until
from tests.support.retail import retail


@dataclass
class Served:
    """A stack with an API, and a client that may read and write."""

    running: Local
    client: httpx.Client
    address: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    dataset = retail()
    state_dir: Path = tmp_path_factory.mktemp("api")
    with local(state_dir, fit_before(dataset, dataset.report.last)) as running:
        (port,) = free_ports(1)
        running.stack.start_api(port)
        address = f"http://127.0.0.1:{port}"
        key = api_keys.create(running.postgres, "tests", ["read", "write"])
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=300) as client:
            wait_until(lambda: answers(client))
            yield Served(running, client, address)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def order(number: str, customer: str, amount: str = "12.50", **others: Any) -> dict[str, Any]:
    moment = datetime.now(UTC) - timedelta(minutes=1)
    return {
        "transaction_id": number,
        "customer_id": customer,
        "occurred_at": moment.isoformat(),
        "kind": "sale",
        "amount": amount,
        "currency": "GBP",
    } | others


def path(customer: str) -> str:
    return f"/v1/customers/{quote(customer, safe='')}"


def posted(served: Served, *orders: dict[str, Any]) -> httpx.Response:
    return served.client.post("/v1/transactions", json=list(orders))


@pytest.mark.parametrize(
    "customer", ["c-1", "gid://shopify/Customer/7", "ann@example.org", "Zoë 1", "50%", "a?b#c", "a/changes"]
)
def test_an_order_is_readable_under_any_id(served: Served, customer: str) -> None:
    first = order(f"{customer} 1", customer)
    answer = posted(served, first)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert posted(served, first).status_code == 202, "the same order again"
    wait_until(lambda: served.client.get(path(customer)).status_code == 200)
    found = served.client.get(path(customer)).json()
    assert (found["customer_id"], found["frequency"], found["gross"]) == (customer, 1, "12.50")
    assert found["segment"]["persona"]
    assert found["why"]["cause"] == "first_purchase"
    (change,) = served.client.get(f"{path(customer)}/changes").json()["changes"]
    assert change["to"] == found["segment"]


def test_an_order_can_be_edited_and_cancelled(served: Served) -> None:
    def edited() -> dict[str, Any]:
        found: dict[str, Any] = served.client.get(path("edits")).json()
        return found

    first, other = order("edit-1", "edits"), order("edit-2", "edits", amount="20")
    assert posted(served, first, other).status_code == 202
    wait_until(lambda: edited().get("frequency") == 2)
    assert posted(served, first | {"revision": 1, "amount": "15.00"}).status_code == 202
    wait_until(lambda: edited()["gross"] == "35.00")
    gone = [each | {"revision": 2, "kind": "cancelled"} for each in (first, other)]
    assert posted(served, *gone, first | {"revision": 1, "amount": "15.00"}).status_code == 202
    wait_until(lambda: edited()["frequency"] == 0)
    assert (edited()["gross"], edited()["last_purchase_at"]) == ("0.00", None)
    assert edited()["segment"]["persona"]


def test_a_forgotten_customer_is_not_found_and_new_orders_of_theirs_are_dropped(served: Served) -> None:
    posted(served, order("gone-1", "gone"))
    wait_until(lambda: served.client.get(path("gone")).status_code == 200)
    segue(served.running.settings.state_dir, "forget", "gone", "--yes")
    assert posted(served, order("gone-2", "gone")).status_code == 202
    wait_until(lambda: erasures.totals(served.running.postgres).dropped == 1)
    for place in (path("gone"), f"{path('gone')}/changes"):
        assert served.client.get(place).status_code == 404


def test_segments_and_pages_of_customers_add_up(served: Served) -> None:
    before = progress.totals(served.running.postgres).transactions
    posted(served, *(order(f"page-{number}", f"page-{number:03}") for number in range(25)))
    wait_until(lambda: progress.totals(served.running.postgres).transactions == before + 25)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = served.client.get("/v1/customers", params={"after": after, "limit": 7}).json()
        seen += [each["customer_id"] for each in page["customers"]]
        after = page["after"]
    assert len(seen) == len(set(seen)) == progress.customers_known(served.running.postgres)
    segments = served.client.get("/v1/segments").json()["segments"]
    assert sum(each["customers"] for each in segments) == len(seen)
    one = segments[0]["segment"]["id"]
    members = served.client.get("/v1/customers", params={"segment": one, "limit": 1000}).json()["customers"]
    assert len(members) == segments[0]["customers"]


def test_nothing_of_a_request_is_sent_if_one_item_is_wrong(served: Served) -> None:
    answer = posted(served, order("whole-1", "whole"), order("whole-2", "whole", amount="1,50"))
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["index"], error["transaction_id"]) == (1, "whole-2")
    assert posted(served, order("whole-3", "whole-other")).status_code == 202
    wait_until(lambda: served.client.get(path("whole-other")).status_code == 200)
    assert served.client.get(path("whole")).status_code == 404


def test_a_key_may_do_what_its_scopes_allow(served: Served) -> None:
    reads, writes = (api_keys.create(served.running.postgres, scope, [scope]) for scope in api_keys.SCOPES)
    body = [order("scope-1", "scope")]
    for key, get_status, post_status in (
        (reads, 200, 403),
        (writes, 403, 202),
        ("segue_x_y", 401, 401),
        ("", 401, 401),
    ):
        headers = {"X-Api-Key": key}
        with httpx.Client(base_url=served.address, headers=headers, timeout=300) as client:
            assert client.get("/v1/segments").status_code == get_status
            assert client.post("/v1/transactions", json=body).status_code == post_status


@pytest.mark.parametrize("name", ["limit=0", "limit=1001", "limit=x"])
def test_a_wrong_parameter_is_named(served: Served, name: str) -> None:
    answer = served.client.get(f"/v1/customers?{name}")
    assert answer.status_code == 400
    assert "limit" in answer.json()["detail"]


def test_audiences_are_named_and_what_is_not_there_is_said(served: Served) -> None:
    audiences.replace(served.running.postgres, "Every one", AudienceDefinition())
    assert served.client.get("/v1/audiences").json() == {"audiences": ["Every one"]}
    # Nothing ticks here, so there is no event time yet.
    for place in ("Every%20one", "Every%20one/customers"):
        answer = served.client.get(f"/v1/audiences/{place}")
        assert (answer.status_code, "any event time" in answer.json()["detail"]) == (404, True)
    answer = served.client.get("/v1/audiences/Nobody")
    assert (answer.status_code, "no audience 'Nobody'" in answer.json()["detail"]) == (404, True)
    assert served.client.get("/v1/audiences/Every%20one/customers?limit=0").status_code == 400
    assert httpx.get(f"{served.address}/v1/audiences", timeout=300).status_code == 401


def test_the_document_describes_every_route(served: Served) -> None:
    document = httpx.get(f"{served.address}/schema/openapi.json", timeout=300).json()
    assert set(document["paths"]) == {
        "/v1/transactions",
        "/v1/customers",
        "/v1/customers/{customer_id}",
        "/v1/customers/{customer_id}/changes",
        "/v1/segments",
        "/v1/audiences",
        "/v1/audiences/{name}",
        "/v1/audiences/{name}/customers",
        "/v1/schemas",
        "/v1/schemas/{name}",
    }
    body = document["paths"]["/v1/transactions"]["post"]["requestBody"]
    assert "NewTransaction" in str(body)
    assert "amount" in document["components"]["schemas"]["NewTransaction"]["properties"]
    page = httpx.get(f"{served.address}/schema/swagger", timeout=300)
    assert page.status_code == 200
    assert "https://" not in page.text.replace(served.address, ""), "the page loads nothing from elsewhere"


def test_the_schemas_of_the_messages_need_no_key(served: Served) -> None:
    names = httpx.get(f"{served.address}/v1/schemas", timeout=300).json()
    assert "segment-changed" in names
    for name in names:
        answer = httpx.get(f"{served.address}/v1/schemas/{name}", timeout=300)
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.content == schema_files.read(name)
    assert httpx.get(f"{served.address}/v1/schemas/secrets", timeout=300).status_code == 404
