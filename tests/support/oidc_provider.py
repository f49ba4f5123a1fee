"""An OpenID Connect provider on this machine, whose accounts log in with one click."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import oidc_provider_mock
from oidc_provider_mock import User
from playwright.sync_api import Page

CLIENT_ID, CLIENT_SECRET = "segue-dashboard", "a-client-secret-that-nobody-may-see"
COOKIE_SECRET = "a-cookie-secret-that-nobody-may-see-either"


@contextmanager
def provider(accounts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The issuer of a provider with these accounts, each with its claims."""
    logging.getLogger("oidc_provider_mock").setLevel(logging.WARNING)
    users = [User(sub=subject, claims=dict(claims)) for subject, claims in accounts.items()]
    with oidc_provider_mock.run_server_in_thread(user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


def settings(issuer: str, dashboard_url: str, masked_url: str) -> dict[str, str]:
    """The settings of a dashboard that asks this provider for a login."""
    return {
        "SEGUE_OIDC_ISSUER": issuer,
        "SEGUE_OIDC_CLIENT_ID": CLIENT_ID,
        "SEGUE_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "SEGUE_COOKIE_SECRET": COOKIE_SECRET,
        "SEGUE_DASHBOARD_URL": dashboard_url,
        "SEGUE_MASKED_DATABASE_URL": masked_url,
    }


def log_in(page: Page, subject: str) -> None:
    """Log in on the dashboard's page as one of the accounts."""
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name=subject).click()
