"""URLs of Postgres: parsing them, and hiding their secrets."""

from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVER = "postgresql+psycopg://"
_PLAIN = ("postgresql://", "postgres://")


def parsed(database_url: str) -> URL:
    """Parse a ``postgresql://`` URL.

    Raises
    ------
    ValueError
        If the URL is invalid. The message does not contain the URL, which may contain a password.
    """
    for prefix in _PLAIN:
        if database_url.startswith(prefix):
            database_url = _DRIVER + database_url.removeprefix(prefix)
    if not database_url.startswith(_DRIVER):
        raise ValueError("the database URL must begin with postgresql://")
    try:
        return make_url(database_url)
    except (ArgumentError, ValueError):
        # The original message may quote a part of the password.
        reason = "the database URL must be postgresql://user:password@host:port/database, each percent-encoded"
        raise ValueError(reason) from None


def shown(database_url: str) -> str:
    """Return the URL without its secrets, for messages and logs."""
    url = make_url(database_url)
    public = url.difference_update_query([name for name in url.query if "password" in name])
    return public.render_as_string(hide_password=True)


def passwords(url: str) -> list[str]:
    """Return the passwords in a URL; libpq accepts them as parameters, too."""
    parts = urlsplit(url)
    parameters = [value for name, value in parse_qsl(parts.query) if "password" in name]
    return [secret for secret in (parts.password, *parameters) if secret]
