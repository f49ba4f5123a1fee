"""Access tokens are fetched when they are needed, and errors of the endpoint are one line."""

import pytest
from pydantic import ValidationError

from runtime.oauth import TokenError, TokenSource
from runtime.settings import Settings, bad_setting
from tests.support.token_endpoint import CLIENT, SECRET, token_endpoint


def test_a_token_is_kept_until_a_fifth_of_its_time_is_left() -> None:
    clock = [1_000.0]
    with token_endpoint(lifetime=100.0) as endpoint:
        source = TokenSource(endpoint.url, CLIENT, SECRET, "kafka", now=lambda: clock[0])
        first = source.token()
        assert first.expires_at == 1_100.0
        clock[0] = 1_079.0
        assert source.token() is first
        clock[0] = 1_080.0
        assert source.token() is not first
        assert [form["scope"] for form in endpoint.forms] == [["kafka"], ["kafka"]]


def test_a_refusal_is_one_line_without_the_secret() -> None:
    with (
        token_endpoint() as endpoint,
        pytest.raises(TokenError, match=r"gives no token to segue \(401 Unauthorized\)") as caught,
    ):
        TokenSource(endpoint.url, CLIENT, "guessed", None).token()
    assert "guessed" not in str(caught.value)


def test_an_endpoint_that_is_gone_is_one_line() -> None:
    with pytest.raises(TokenError, match=r"the token endpoint http://127\.0\.0\.1:1/token gives no token"):
        TokenSource("http://127.0.0.1:1/token", CLIENT, SECRET, None).token()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "OAUTHBEARER needs SEGUE_SASL_TOKEN_URL"),
        ("http://login.example/token", "SEGUE_SASL_TOKEN_URL: give an address that begins with https://"),
    ],
)
def test_tokens_need_an_encrypted_endpoint(monkeypatch: pytest.MonkeyPatch, url: str | None, reason: str) -> None:
    monkeypatch.setenv("SEGUE_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("SEGUE_SASL_MECHANISM", "OAUTHBEARER")
    monkeypatch.setenv("SEGUE_SASL_USERNAME", CLIENT)
    monkeypatch.setenv("SEGUE_SASL_PASSWORD", SECRET)
    if url is not None:
        monkeypatch.setenv("SEGUE_SASL_TOKEN_URL", url)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert bad_setting(caught.value) == reason
