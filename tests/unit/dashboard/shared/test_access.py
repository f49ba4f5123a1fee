"""Who somebody is by the claims of their login, and until when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.shared.access import ANYONE, NOBODY, viewer_of
from runtime.login import Login, Role, roles_of_claims

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CLAIMS: dict[str, Any] = {
    "iss": "https://login.example",
    "sub": "7",
    "email": "mia@shop.example",
    "iat": NOW.timestamp(),
    "groups": ["crm"],
}


def a_login(masked: frozenset[Role] = frozenset({"analyst"})) -> Login:
    return Login(
        *("https://login.example", "segue", "a secret", "c" * 32, "https://segue.example", "openid", "groups"),
        *(roles_of_claims("crm=marketer data=analyst ops=operator"), masked, timedelta(hours=8)),
    )


def test_a_viewer_is_who_the_provider_says_until_the_login_ends() -> None:
    viewer = viewer_of(CLAIMS, a_login())
    assert viewer is not None
    assert (viewer.actor.subject, viewer.actor.email, viewer.actor.role) == ("7", "mia@shop.example", "marketer")
    assert (viewer.role, viewer.is_masked) == ("marketer", False)
    assert not viewer.has_ended(NOW + timedelta(hours=8) - timedelta(seconds=1))
    assert viewer.has_ended(NOW + timedelta(hours=8))


@pytest.mark.parametrize(
    ("groups", "masked", "is_masked"),
    [
        ("data", frozenset({"analyst"}), True),
        ("crm", frozenset({"analyst", "marketer"}), True),
        ("data", frozenset(), False),
        ("ops", frozenset({"operator"}), True),
    ],
)
def test_the_settings_choose_who_sees_masked_ids(groups: str, masked: frozenset[Role], is_masked: bool) -> None:
    viewer = viewer_of(CLAIMS | {"groups": groups}, a_login(masked))
    assert viewer is not None
    assert viewer.is_masked is is_masked


@pytest.mark.parametrize(
    "changed",
    [{"groups": []}, {"groups": "others"}, {"sub": None}, {"sub": 7}, {"iat": None}, {"iat": "today"}],
)
def test_claims_without_a_role_a_subject_or_a_moment_are_nobody(changed: dict[str, Any]) -> None:
    assert viewer_of(CLAIMS | changed, a_login()) is None


def test_an_email_address_is_not_needed() -> None:
    viewer = viewer_of({name: value for name, value in CLAIMS.items() if name != "email"}, a_login())
    assert viewer is not None
    assert viewer.actor.email is None


@pytest.mark.parametrize("changed", [{"sub": "8"}, {"iat": NOW.timestamp() + 1}, {"iss": "https://another.example"}])
def test_another_login_is_another_viewer(changed: dict[str, Any]) -> None:
    before, after = viewer_of(CLAIMS, a_login()), viewer_of(CLAIMS | changed, a_login())
    assert before is not None
    assert after is not None
    assert before.login != after.login


def test_nothing_is_read_for_somebody_who_has_to_log_in_first() -> None:
    assert NOBODY.has_ended(datetime(1970, 1, 1, tzinfo=UTC))


def test_without_a_login_anyone_looks_without_an_end_and_sees_ids() -> None:
    assert not ANYONE.has_ended(datetime(9999, 1, 1, tzinfo=UTC))
    assert (ANYONE.role, ANYONE.is_masked, ANYONE.actor.role) == (None, False, "no login")
