"""URLs of Postgres: their parts, and what of them may be shown."""

from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVER = "postgresql+psycopg://"
_PLAIN = ("postgresql://", "postgres://")


def parsed(database_url: str) -> URL:
    """The parts of a ``postgresql://`` URL.

    Raises
    ------
    ValueError
        If it is none, or of another database. The message leaves the URL out: it may hold a password.
    """
    for prefix in _PLAIN:
        if database_url.startswith(prefix):
            database_url = _DRIVER + database_url.removeprefix(prefix)
    if not database_url.startswith(_DRIVER):
        raise ValueError("the database URL must begin with postgresql://")
    try:
        return make_url(database_url)
    except (ArgumentError, ValueError):
        # What SQLAlchemy and Python say quotes what may be a part of the password.
        reason = "the database URL must be postgresql://user:password@host:port/database, each percent-encoded"
        raise ValueError(reason) from None


def shown(database_url: str) -> str:
    """The URL as people and logs may see it: without what is secret in it."""
    url = make_url(database_url)
    public = url.difference_update_query([name for name in url.query if "password" in name])
    return public.render_as_string(hide_password=True)


def passwords(url: str) -> list[str]:
    """The passwords in a URL: libpq takes them among the parameters, too."""
    parts = urlsplit(url)
    parameters = [value for name, value in parse_qsl(parts.query) if "password" in name]
    return [secret for secret in (parts.password, *parameters) if secret]
