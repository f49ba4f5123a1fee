"""Which role a login has, by its claims and the settings."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from runtime.errors import SegueError
from runtime.login import Login, roles, roles_of_claims
from runtime.settings import Settings, bad_setting

SECRET = "a-client-secret"
COMPLETE = {
    "oidc_issuer": "https://login.example/realms/shop",
    "oidc_client_id": "segue",
    "oidc_client_secret": SECRET,
    "cookie_secret": "c" * 32,
    "dashboard_url": "https://segue.example",
    "masked_database_url": "postgresql://segue_masked_login@db/segue",
}


def a_login(claim: str = "groups", mapping: str = "crm=marketer data=analyst ops=operator") -> Login:
    return Login(
        *("https://login.example/", "segue", SECRET, "c" * 32, "https://segue.example/", "openid", claim),
        *(roles_of_claims(mapping), roles("analyst"), timedelta(hours=8)),
    )


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"groups": ["crm"]}, "marketer"),
        ({"groups": "data"}, "analyst"),
        ({"groups": ["data", "crm"]}, "marketer"),
        ({"groups": ["everybody", "data", "ops", "crm"]}, "operator"),
        ({"groups": ["CRM", "crm "]}, None),
        ({"groups": []}, None),
        ({"groups": None}, None),
        ({"groups": {"crm": True}}, None),
        ({"groups": [["crm"], 7, None]}, None),
        ({"roles": ["crm"]}, None),
        ({}, None),
    ],
)
def test_a_role_comes_from_the_values_of_one_claim(claims: dict[str, object], role: str | None) -> None:
    assert a_login().role(claims) == role


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["crm"]}}),
        ("https://shop.example/roles", {"https://shop.example/roles": ["crm"]}),
    ],
)
def test_dots_lead_into_a_claim_unless_a_claim_has_that_name(claim: str, claims: dict[str, object]) -> None:
    assert a_login(claim).role(claims) == "marketer"
    assert a_login(claim).role({"realm_access": "crm"}) is None


@pytest.mark.parametrize("text", ["crm", "=marketer", "crm=admin", "crm=marketer crm=analyst", "crm:marketer"])
def test_a_mapping_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"roles are|two roles"):
        roles_of_claims(text)


def test_streamlit_gets_addresses_below_those_of_the_settings() -> None:
    auth = a_login().streamlit_secrets()["auth"]
    assert auth["redirect_uri"] == "https://segue.example/oauth2callback"
    assert auth["server_metadata_url"] == "https://login.example/.well-known/openid-configuration"


def test_no_secret_is_in_the_text_of_a_login() -> None:
    assert SECRET not in repr(a_login())
    assert "c" * 32 not in repr(a_login())


def test_without_any_of_its_settings_there_is_no_login() -> None:
    assert Settings().login is None


def test_with_all_of_its_settings_there_is_one() -> None:
    login = Settings(**COMPLETE).login  # type: ignore[arg-type]
    assert login is not None
    assert login.masked == {"analyst"}
    assert login.lifetime == timedelta(hours=8)
    assert {SECRET, "c" * 32} <= {*Settings(**COMPLETE).secrets}  # type: ignore[arg-type]


@pytest.mark.parametrize("left_out", COMPLETE)
def test_a_part_of_a_login_is_refused_by_the_name_of_what_is_missing(left_out: str) -> None:
    settings = Settings(**{name: value for name, value in COMPLETE.items() if name != left_out})  # type: ignore[arg-type]
    with pytest.raises(SegueError) as refused:
        _ = settings.login
    assert f"SEGUE_{left_out.upper()}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_login_without_masked_roles_needs_no_masked_user() -> None:
    settings = Settings(**{**COMPLETE, "masked_database_url": None, "masked_roles": "none"})  # type: ignore[arg-type]
    login = settings.login
    assert login is not None
    assert login.masked == frozenset()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("oidc_issuer", "http://login.example", "https://"),
        ("oidc_issuer", "login.example", "https://"),
        ("dashboard_url", "http://segue.example", "https://"),
        ("oidc_roles", "crm", "crm-team=marketer"),
        ("oidc_roles", "crm=admin", "operator, marketer, analyst"),
        ("masked_roles", "everybody", "operator, marketer, analyst"),
        ("cookie_secret", "short", "32 characters"),
        ("login_lifetime", "soon", "such as 1d"),
        ("masked_database_url", "mysql://x", "postgresql://"),
    ],
)
def test_a_wrong_setting_is_one_line_with_its_name_and_without_its_value(name: str, value: str, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**{**COMPLETE, name: value})  # type: ignore[arg-type]
    message = bad_setting(refused.value)
    assert f"SEGUE_{name.upper()}" in message
    assert reason in message
    assert "\n" not in message
