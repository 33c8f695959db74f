"""Who may do what in Redis (ACL, needs Redis 7 for key permissions and selectors).

    mgw-reconciler       every key and channel of ours, and the users of namespaces
    mgw-config-api       reads every key of ours, hears of changes
    mgw-ns-<namespace>   engines: read bundles and assignments of the namespace, acknowledge, report blocks

Redis forgets users that it was not started with; whoever connects after a restart is refused until the
reconciler has made them again, and tries again.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterable, Mapping

from redis.asyncio import Redis

from microgateway_common.names import Namespace

WRITER = "mgw-reconciler"
READER = "mgw-config-api"
_NAMESPACE = "mgw-ns-"

#: What the reconciler calls, and nothing else.
WRITER_RULES = (
    *("-@all", "~mgw:*", "&mgw:*"),
    *("+get", "+set", "+del", "+mget", "+hget", "+hmget", "+hset", "+scan", "+time", "+ping"),
    *("+publish", "+subscribe", "+unsubscribe", "+psubscribe", "+punsubscribe"),
    *("+xadd", "+xlen", "+xrange", "+xdel", "+hdel", "+expire"),
    *("+eval", "+evalsha", "+script|load", "+script|exists"),
    *("+acl|setuser", "+acl|deluser", "+acl|users"),
    # A pattern that is subscribed to has to be allowed letter by letter, here and below.
    *("&mgw:*:acks", "&mgw:*:block-reports"),
)

READER_RULES = (
    *("-@all", "%R~mgw:*", "+get", "+mget", "+hget", "+scan", "+ping", "+xrange", "+xrevrange"),
    *("+psubscribe", "+punsubscribe", "&mgw:*:status:*", "&mgw:*:acks", "&mgw:*:blocks:*"),
)

#: Of a Kubernetes namespace (RFC 1123). Others could mean something in a pattern.
_ALLOWED = frozenset(string.ascii_lowercase + string.digits + "-")


def namespace_user(namespace: Namespace) -> str:
    return _NAMESPACE + namespace


def namespace_rules(namespace: Namespace) -> tuple[str, ...]:
    """Raises ValueError for what is no namespace's name.

    Publishing has a selector of its own: an engine listens where it may not speak.
    """
    if not namespace or not _ALLOWED.issuperset(namespace):
        raise ValueError(f"namespace: expected lower case letters, digits and '-', got {namespace!r}")
    own = f"mgw:{namespace}"
    return (
        "-@all",
        *(f"%R~{own}:bundle:*", f"%R~{own}:assignment:*", f"%W~{own}:ack:*"),
        *(f"&{own}:bundle:*", f"&{own}:assignment:*"),
        *("+get", "+hget", "+set", "+subscribe", "+unsubscribe", "+ping"),
        f"(+publish &{own}:acks &{own}:block-reports)",
    )


async def set_users(redis: Redis, users: Mapping[Namespace, Iterable[bytes]]) -> None:
    """Let the users of these namespaces in with any of these passwords, each with its rules alone.

    Who is connected stays connected. Only hashes of passwords are sent: Redis shows what it is sent.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        for namespace, passwords in users.items():
            hashed = [f"#{hashlib.sha256(each).hexdigest()}" for each in passwords]
            rules = ("reset", "on", *hashed, *namespace_rules(namespace))
            pipeline.execute_command("ACL", "SETUSER", namespace_user(namespace), *rules)
        await pipeline.execute()


async def remove_other_users(redis: Redis, namespaces: Iterable[Namespace]) -> None:
    """Users of namespaces that are not among these; their connections end."""
    kept = {namespace_user(each) for each in namespaces}
    found = [name.decode() for name in await redis.execute_command("ACL", "USERS")]  # type: ignore[no-untyped-call]
    others = [name for name in found if name.startswith(_NAMESPACE) and name not in kept]
    if others:
        await redis.execute_command("ACL", "DELUSER", *others)  # type: ignore[no-untyped-call]
