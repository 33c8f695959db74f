"""Settings of a service: a flag, else an environment variable, else a default."""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple, NewType

#: The prefix of every environment variable of ours.
PREFIX = "MICROGATEWAY_"

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


def from_environment(name: str, default: str | None = None) -> str | None:
    """The value of `MICROGATEWAY_<name>`; a set but empty variable counts as unset."""
    return os.environ.get(PREFIX + name) or default
