"""Who may look at the dashboard: how it asks for a login, and which role a login has.

An OpenID Connect provider says who somebody is. A claim of theirs says which role they have; nobody without a role sees
any data.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, cast, get_args
from urllib.parse import urlsplit

Role = Literal["operator", "marketer", "analyst"]
#: The role that comes first counts for somebody who has several.
ROLES: tuple[Role, ...] = get_args(Role)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def secure_address(url: str) -> str:
    """An address that is encrypted, or on this machine.

    Raises
    ------
    ValueError
        If it is not: a secret must not be sent without encryption.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return url
    raise ValueError("give an address that begins with https://")


def roles_of_claims(text: str) -> dict[str, Role]:
    """Which role each value of the claim means, from text such as ``crm=marketer data=analyst``.

    Raises
    ------
    ValueError
        If it is not written so, a role does not exist, or a value means two roles.

    Examples
    --------
    >>> roles_of_claims("crm-team=marketer ops=operator")
    {'crm-team': 'marketer', 'ops': 'operator'}
    """
    found: dict[str, Role] = {}
    for part in text.split():
        value, _, role = part.rpartition("=")
        if not value or role not in ROLES:
            raise ValueError(f"write pairs such as crm-team=marketer; the roles are {', '.join(ROLES)}")
        if found.setdefault(value, role) != role:
            raise ValueError(f"{value} means two roles")
    return found


def roles(text: str) -> frozenset[Role]:
    """Roles from their names, separated by spaces or commas; ``none`` means no role.

    Raises
    ------
    ValueError
        If one does not exist.
    """
    names = [] if text.strip() == "none" else text.replace(",", " ").split()
    if not {*names} <= {*ROLES}:
        raise ValueError(f"the roles are {', '.join(ROLES)}")
    return frozenset(cast("list[Role]", names))


@dataclass(frozen=True, slots=True)
class Login:
    """How the dashboard asks for a login.

    Parameters
    ----------
    issuer
        The provider's address, under which ``/.well-known/openid-configuration`` describes it.
    dashboard_url
        The address under which people open the dashboard.
    roles_claim
        The claim that holds somebody's groups or roles; dots lead into nested claims.
    masked
        The roles that see masked ids.
    lifetime
        How long after the login somebody has to log in again.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    cookie_secret: str = field(repr=False)
    dashboard_url: str
    scopes: str
    roles_claim: str
    roles: Mapping[str, Role]
    masked: frozenset[Role]
    lifetime: timedelta

    @property
    def metadata_url(self) -> str:
        """Where the provider describes itself."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"

    def role(self, claims: Mapping[str, Any]) -> Role | None:
        """The role of somebody with these claims; None if they have none."""
        found: Any = claims
        # A claim's own name may have dots, as in https://example.org/roles.
        if self.roles_claim in claims:
            found = claims[self.roles_claim]
        else:
            for name in self.roles_claim.split("."):
                found = found.get(name) if isinstance(found, Mapping) else None
        values = [found] if isinstance(found, str) else found if isinstance(found, list | tuple) else []
        held = {self.roles[value] for value in values if isinstance(value, str) and value in self.roles}
        return next((role for role in ROLES if role in held), None)

    def streamlit_secrets(self) -> dict[str, Any]:
        """What Streamlit needs to know for ``st.login``."""
        return {
            "auth": {
                "redirect_uri": f"{self.dashboard_url.rstrip('/')}/oauth2callback",
                "cookie_secret": self.cookie_secret,
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "server_metadata_url": self.metadata_url,
                "client_kwargs": {"scope": self.scopes, "prompt": "select_account"},
            }
        }
