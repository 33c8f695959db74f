"""Settings of a service: a flag, else an environment variable, else a default."""

from __future__ import annotations

import argparse
import logging
import os
from typing import NamedTuple, NewType
from urllib.parse import parse_qsl, urlencode, urlsplit

from .sentinel_url import is_sentinel_url, parse_sentinel_url

#: The prefix of every environment variable of ours.
PREFIX = "MICROGATEWAY_"

#: Log levels as the pod annotation `engineLogLevel` spells them.
LOG_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "off": logging.CRITICAL + 1,
}

DEFAULT_LOG_LEVEL = "info"

RedisUrl = NewType("RedisUrl", str)

DEFAULT_REDIS_URL = RedisUrl("redis://127.0.0.1:6379/0")


class Address(NamedTuple):
    """A host and a port to listen on or connect to."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_address(text: str) -> Address:
    """`HOST:PORT` or `[IPv6]:PORT`. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"address: expected [IPv6]:PORT, got {text!r}")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"address: expected HOST:PORT, got {text!r}")
    return Address(host, int(port))


def address(text: str) -> Address:
    """`parse_address` as an argparse type, which shows its message."""
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def parse_redis_url(text: str) -> RedisUrl:
    """`redis://`, `rediss://` (TLS), `unix://`, or one that Sentinel watches over (`sentinel_url`).

    Raises ValueError. Its message shows no more than the scheme: what does not parse may have a
    password anywhere.
    """
    if is_sentinel_url(text):
        parse_sentinel_url(text)
        return RedisUrl(text)
    expected = "Redis URL: expected redis://HOST:PORT/DATABASE with a percent-encoded password"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError(f"{expected}, got one that does not parse") from None
    if url.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(f"{expected}, got scheme {url.scheme!r}")
    if url.scheme == "unix":
        if not url.path:
            raise ValueError("Redis URL: expected the path of a socket after unix://, got none")
        return RedisUrl(text)
    if not url.hostname or port == 0:
        raise ValueError(f"{expected}, got one without host or with port 0")
    if not _is_database(url.path):
        raise ValueError(f"{expected}, got a path that is no database number")
    for name, _ in parse_qsl(url.query, keep_blank_values=True):
        if name.startswith("ssl_"):
            raise ValueError(f"Redis URL: expected no {name}: with rediss:// the server is always verified")
    return RedisUrl(text)


def log_level(text: str) -> str:
    """One of LOG_LEVELS, as an argparse type: unlike `choices` it checks a default from a variable too."""
    if text not in LOG_LEVELS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(LOG_LEVELS)}, got {text!r}")
    return text


def redis_url(text: str) -> RedisUrl:
    """`parse_redis_url` as an argparse type, which shows its message."""
    try:
        return parse_redis_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def masked(url: str) -> str:
    """The URL for logs: without its password, neither in the authority nor in the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    user, at, host = parts.netloc.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        user = f"{name}:***" if colon else name
    query = urlencode(
        [
            (key, "***" if "password" in key.lower() else value)
            for key, value in parse_qsl(parts.query, keep_blank_values=True)
        ],
        safe="*/",
    )
    # Not urlunsplit, which drops the empty authority of unix:///path.
    return f"{parts.scheme}://{user}{at}{host}{parts.path}" + (f"?{query}" if query else "")


def _is_database(path: str) -> bool:
    number = path.removeprefix("/")
    return not number or (number.isascii() and number.isdigit())


def from_environment(name: str, default: str | None = None) -> str | None:
    """The value of `MICROGATEWAY_<name>`; a set but empty variable counts as unset."""
    return os.environ.get(PREFIX + name) or default
