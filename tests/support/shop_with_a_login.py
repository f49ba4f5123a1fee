"""A small shop in Postgres whose dashboard asks for a login, served as by `segue dashboard`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
from sqlalchemy import Engine, insert

from data.postgres import roles
from data.postgres.tables import dead_letters
from segue.local.ports import free_ports
from tests.support import oidc_provider, processed_stream
from tests.support.browser import ROOT, await_health
from tests.support.generated_tables import a_model
from tests.support.processed_stream import Lived

#: Accounts of the provider, with their claims; the last one has no role.
ACCOUNTS = {
    "mia": {"email": "mia@shop.example", "groups": ["crm"]},
    "ali": {"email": "ali@shop.example", "groups": ["everybody", "data"]},
    "olga": {"email": "olga@shop.example", "groups": ["ops", "crm"]},
    "nora": {"email": "nora@shop.example", "groups": ["everybody"]},
}


@dataclass(frozen=True)
class Shop:
    """Its database for the owner, and what a stream has stored there."""

    owner: Engine
    lived: Lived

    @property
    def ids(self) -> list[str]:
        """The ids of all customers and their transactions: what an analyst must not see."""
        found = {row["customer_id"] for row in self.lived.customers}
        return sorted(found | {row["transaction_id"] for row in self.lived.transactions})

    def url(self, role: roles.Role) -> str:
        """The URL of a user with a role's rights."""
        user = roles.make_login(self.owner, role, None)
        return self.owner.url.set(drivername="postgresql", username=user).render_as_string(hide_password=False)


def fill(owner: Engine) -> Shop:
    """Store a small stream in a migrated database. No id looks like any other text or number of a page."""
    messages = [
        msgspec.structs.replace(
            each,
            customer_id=f"shopper-{each.customer_id}@example.org",
            transaction_id=f"order-{each.transaction_id}-of-{each.customer_id}",
        )
        for each in processed_stream.messages()
    ]
    lived = processed_stream.live(a_model(), messages)
    processed_stream.store(owner, a_model(), lived)
    first = lived.customers[0]["customer_id"]
    letter = {
        "log_id": "log",
        "partition": 0,
        "offset": 7,
        "reason": f"a reason that quotes {first}",
        "key": first.encode(),
        "value": msgspec.json.encode({"customer_id": first}),
    }
    with owner.begin() as connection:
        connection.execute(insert(dead_letters).values(letter))
    return Shop(owner, lived)


@contextmanager
def served(
    shop: Shop, issuer: str, log: Path, *arguments: str, lifetime: timedelta = timedelta(hours=1), **more: str
) -> Iterator[str]:
    """The address of the shop's dashboard, which asks a provider for a login."""
    [port] = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")},
        **oidc_provider.settings(issuer, address, shop.url(roles.MASKED)),
        "SEGUE_DATABASE_URL": shop.url(roles.OPERATOR),
        "SEGUE_DASHBOARD_DATABASE_URL": shop.url(roles.DASHBOARD),
        "SEGUE_OIDC_ROLES_CLAIM": "groups",
        "SEGUE_OIDC_ROLES": "crm=marketer data=analyst ops=operator",
        "SEGUE_LOGIN_LIFETIME": f"{lifetime.total_seconds():.0f}s",
        "PYTHONPATH": str(ROOT),
        **more,
    }
    command = [sys.executable, "-m", "segue", "dashboard", "--port", str(port), *arguments]
    with (
        log.open("a") as output,
        subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=output) as server,
    ):
        try:
            await_health(address)
            yield address
        finally:
            server.terminate()
