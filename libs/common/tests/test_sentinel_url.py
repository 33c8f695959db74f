from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_common.sentinel_url import SentinelUrl, parse_sentinel_url
from microgateway_common.settings import masked, parse_redis_url


def test_a_url_names_sentinels_a_service_and_a_database() -> None:
    url = "rediss+sentinel://me:p%40ss@one:26380,two,[fd00::1]:26381,[::1]/mymaster/3"
    assert parse_redis_url(url) == url
    assert parse_sentinel_url(url) == SentinelUrl(
        tls=True,
        username="me",
        password="p@ss",
        sentinels=(("one", 26380), ("two", 26379), ("fd00::1", 26381), ("::1", 26379)),
        service="mymaster",
        database=3,
    )
    plain = parse_sentinel_url("redis+sentinel://one/mymaster")
    assert (plain.tls, plain.username, plain.password, plain.database) == (False, "", "", 0)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://",
        "redis+sentinel://one",
        "redis+sentinel://one/",
        "redis+sentinel:///mymaster",
        "redis+sentinel://one,,two/mymaster",
        "redis+sentinel://one:0/mymaster",
        "redis+sentinel://one:65536/mymaster",
        "redis+sentinel://::1/mymaster",
        "redis+sentinel://one/mymaster/zero",
        "redis+sentinel://one/mymaster/0?ssl_cert_reqs=none",
        "redis+sentinel://:hunter2@on e/mymaster",
        "redis+sentinel://:hun/ter2@one/mymaster",
        "sentinel://one/mymaster",
    ],
)
def test_what_is_no_such_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        parse_sentinel_url(url)
    assert "hun" not in str(refused.value)
    with pytest.raises(ValueError, match="expected"):
        parse_redis_url(url)


@given(st.text())
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    for scheme in ("redis+sentinel", "rediss+sentinel"):
        with contextlib.suppress(ValueError):
            parse_sentinel_url(f"{scheme}://{text}")


def test_a_password_is_shown_nowhere() -> None:
    url = "redis+sentinel://:hunter2@one:1,two:2/mymaster"
    assert masked(url) == "redis+sentinel://:***@one:1,two:2/mymaster"
    assert "hunter2" not in repr(parse_sentinel_url(url))
