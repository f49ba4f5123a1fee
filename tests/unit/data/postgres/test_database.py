"""A database URL is parsed, or refused without being quoted."""

import pytest

from data.postgres.database import parsed


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_postgres_scheme_is_accepted(scheme: str) -> None:
    url = parsed(f"{scheme}://segue:h%2Fush@db:5433/shop")
    assert (url.drivername, url.host, url.port, url.password) == ("postgresql+psycopg", "db", 5433, "h/ush")


@pytest.mark.parametrize(
    "url", ["", "db", "sqlite:///hush", "postgresql://segue:hush@db:port/shop", "postgresql://hush:1:2"]
)
def test_an_invalid_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="the database URL must be") as caught:
        parsed(url)
    assert "hush" not in str(caught.value)
