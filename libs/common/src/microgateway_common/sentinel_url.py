"""A Redis that Sentinel watches over, as a URL: who to ask, for which service.

    redis+sentinel://sentinel-0:26379,sentinel-1:26379/mymaster/0

With `rediss+sentinel`, TLS to all of them. A user and a password before the hosts are those of Redis; those
of the sentinels have no place here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

SCHEMES: Final = {"redis+sentinel": False, "rediss+sentinel": True}

#: Where sentinels listen unless told otherwise.
DEFAULT_PORT = 26379

_EXPECTED = "Redis URL: expected redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DATABASE"

#: A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
_SENTINEL = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?", re.ASCII)

#: What Sentinel takes as a name (sentinel.c, createSentinelRedisInstance and its callers).
_SERVICE = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """sentinels: hosts and ports. service: what sentinels call the master and its replicas. username,
    password: of Redis, empty for none."""

    tls: bool
    username: str
    password: str = field(repr=False)
    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int


def is_sentinel_url(text: str) -> bool:
    return text.partition("://")[0] in SCHEMES


def parse_sentinel_url(text: str) -> SentinelUrl:
    """Raises ValueError. Its message shows nothing of the URL, which may have a password anywhere."""
    scheme, _, rest = text.partition("://")
    if scheme not in SCHEMES:
        raise ValueError(f"{_EXPECTED}, got another scheme")
    authority, _, path = rest.partition("/")
    user, _, hosts = authority.rpartition("@")
    username, _, password = user.partition(":")
    service, _, database = path.partition("/")
    if not _SERVICE.fullmatch(service):
        raise ValueError(f"{_EXPECTED}, got one without a service, or with one that has odd letters")
    if not re.fullmatch(r"\d{0,5}", database, re.ASCII):
        raise ValueError(f"{_EXPECTED}, got a path that does not end with a database number")
    sentinels = tuple(_sentinel(host) for host in hosts.split(","))
    return SentinelUrl(
        SCHEMES[scheme], unquote(username), unquote(password), sentinels, service, int(database or 0)
    )


def _sentinel(text: str) -> tuple[str, int]:
    match = _SENTINEL.fullmatch(text)
    port = int(match["port"] or DEFAULT_PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise ValueError(f"{_EXPECTED}, got a host that does not parse, or a port that is none")
    return match["host"].strip("[]"), port
