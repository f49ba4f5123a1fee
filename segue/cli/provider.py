"""A look at the OpenID Connect provider before the dashboard starts: a wrong address is one clear line."""

import httpx

from runtime.login import Login
from segue.cli.console import fail

_SECONDS = 10.0
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def check_provider(login: Login) -> None:
    """Fail with one line if the provider does not describe itself at the given address."""
    name = f"SEGUE_OIDC_ISSUER {login.issuer}"
    try:
        answer = httpx.get(login.metadata_url, timeout=_SECONDS, follow_redirects=True)
        answer.raise_for_status()
        described = answer.json()
    except httpx.HTTPStatusError as error:
        fail(f"{name}: {login.metadata_url} answers {error.response.status_code}; give the provider's issuer")
    except httpx.HTTPError as error:
        fail(f"{name}: the provider does not answer ({type(error).__name__}: {error})")
    except ValueError:
        described = None
    if not isinstance(described, dict) or not all(isinstance(described.get(each), str) for each in _NEEDED):
        fail(f"{name}: {login.metadata_url} does not describe an OpenID Connect provider; give the provider's issuer")
    if str(described.get("issuer", "")).rstrip("/") != login.issuer.rstrip("/"):
        fail(f"{name}: the provider there calls itself {described.get('issuer')}: give that address")
