from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.masking import (
    MAX_LENGTH,
    clear_part,
    configure,
    is_secret_name,
    masked,
    masked_path,
    snippet,
)


def _around(text: str, match: str, name: str = "q") -> str:
    start = text.index(match)
    return snippet(name, text, start, start + len(match))


def test_shows_the_match_and_a_little_around_it() -> None:
    assert _around("hello ' or 1=1 -- bye", "' or 1=1") == "hello ' or 1=1 -- bye"
    long = _around("x" * 20 + " y" * 100 + "' or 1=1" + " z" * 100, "' or 1=1")
    assert long.startswith("… y y y")
    assert "' or 1=1 z z" in long
    assert long.endswith("…")
    assert len(long) == MAX_LENGTH


@pytest.mark.parametrize(
    "name",
    ["password", "userPasswd", "token", "csrf_token", "$.user.apiKey", "authorization", "cookie:sid", "pin"],
)
def test_of_a_secret_only_the_length_is_told(name: str) -> None:
    assert snippet(name, "hunter2' or 1=1", 7, 15) == "*** (8 characters)"


def test_control_characters_are_escaped() -> None:
    assert _around("a\x00b\r\n\x1b[31m<script", "<script") == "a\\x00b\\r\\n\\x1b[31m<script"


@pytest.mark.parametrize(
    "secret",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "756123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "Bearer abcdef123456",
    ],
)
def test_secrets_in_a_value_are_masked(secret: str) -> None:
    assert _around(f"' or 1=1 x {secret} x", "' or 1=1") == "' or 1=1 x *** x"


def test_an_assigned_secret_is_masked() -> None:
    assert _around("' or 1=1&password=hunter2&x=1", "' or 1=1") == "' or 1=1&password=***&x=1"


def test_a_secret_that_the_window_cuts_is_masked() -> None:
    text = "x" * 5 + " 4111111111111111' or 1=1"
    assert "1111" not in _around(text, "' or 1=1")


@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_is_short_and_printable(text: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    shown = snippet("q", text, start, end)
    assert len(shown) <= MAX_LENGTH
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "shown", "clear"),
    [
        ("/orders/42", "/orders/42", "/orders/42"),
        ("/reset/eyJhbGciOiJIUzI1NiJ9.e30.c2ln/x", "/reset/***/x", "/reset/"),
        ("/cards/4111-1111-1111-1111", "/cards/***", "/cards/"),
        ("a\nb", "a\\nb", "a\nb"),
    ],
)
def test_names_and_paths_are_shown_but_for_secrets(text: str, shown: str, clear: str) -> None:
    assert masked(text) == shown
    assert clear_part(text) == clear


@pytest.mark.parametrize(
    "text",
    [
        '{"password": "SECRET with words", "a": 1}',
        "password='SECRET'",
        "user[password]=SECRET&a=1",
        "<token>SECRET &lt;b></token><a/>",
        'name="api_key"\r\n\r\nSECRET\r\n--B',
        "session-id: SECRET",
    ],
)
def test_what_is_assigned_to_a_secret_name_is_covered(text: str) -> None:
    assert "SECRET" not in masked(text)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "/"),
        ("/products/17/reviews", "/products/17/reviews"),
        ("/auth/login", "/auth/login"),
        ("/api/auth/v2/login", "/api/auth/v2/login"),
        ("/session/new", "/session/new"),
        ("/token/4f9c77/use", "/token/***/use"),
        ("/reset-password/a1b2c3", "/reset-password/***"),
        ("/reset/eyJhbGciOiJIUzI1NiJ9.e30.x", "/reset/***"),
        ("/p;jsessionid=a1b2/x", "/p;jsessionid=***"),
        ("/%7B%22password%22%3A%22a%2Fb%22%7D/x", "/***/x"),
        ("/x/token%253Dabc", "/x/***"),
        ("/caf%C3%A9/100%25", "/caf%C3%A9/100%25"),
        ("https://a.example/token/4f9c77", "https://a.example/token/***"),
    ],
)
def test_a_path_shows_no_secret(path: str, shown: str) -> None:
    assert masked_path(path) == shown


@pytest.fixture
def installation() -> Iterator[None]:
    """One that has names of its own."""
    configure(["kundennummer", "a.b"], ["passenger", "X-Token-Count"])
    yield
    configure([], [])


@pytest.mark.usefixtures("installation")
def test_an_installation_names_further_secrets() -> None:
    assert snippet("altKundenNummer", "' or 1=1", 0, 8) == "*** (8 characters)"
    assert masked("/x?kundennummer=4711&q=cup") == "/x?kundennummer=***&q=cup"
    assert masked_path("/kundennummer/a4711b") == "/kundennummer/***"
    assert is_secret_name("a.b")
    assert not is_secret_name("a-b"), "a word is no expression"
    assert is_secret_name("password"), "what is masked by default stays masked"


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("name", ["passenger", "$.trip.Passenger", "x-token-count", "cookie:passenger"])
def test_an_installation_names_what_is_no_secret(name: str) -> None:
    assert snippet(name, "' or 1=1", 0, 8) == "' or 1=1"


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("name", ["passengers", "passenger.password", "passphrase", "token"])
def test_an_exception_is_a_whole_name(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.usefixtures("installation")
def test_what_is_a_secret_by_its_form_has_no_exception() -> None:
    assert snippet("passenger", "' or a=a 4111111111111111", 0, 8) == "' or a=a ***"
    assert masked("/x?passenger=4711") == "/x?passenger=***"
