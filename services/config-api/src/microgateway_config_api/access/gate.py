"""From a request to its viewer."""

from __future__ import annotations

import hashlib
import secrets
from typing import Protocol, assert_never

from microgateway_config_api.problem_details import ForbiddenError, UnauthorizedError
from microgateway_config_api.settings import Access, ByCluster, Everybody

from .identity import EVERYWHERE, Identity, Right, Unknown
from .memory import Memory
from .reviews import AUDIENCE, Reviews
from .viewer import Anybody, Viewer

#: Seconds that the API server's word is good for: so long somebody still sees what was forbidden since.
LIFETIME = 10.0

#: Answers remembered.
MOST_TOKENS = 4_000
MOST_RIGHTS = 20_000

#: Longest token looked at, in characters; service accounts' have about 1000, those of OIDC some thousand.
LONGEST = 16_384


class Gate(Protocol):
    async def admit(self, authorization: str | None) -> Viewer:
        """authorization: the header. Raises UnauthorizedError, AccessUnknownError."""

    async def close(self) -> None: ...


class OpenGate:
    async def admit(self, authorization: str | None) -> Viewer:  # noqa: ARG002 - nobody is asked
        return Anybody()

    async def close(self) -> None: ...


class ClusterGate:
    """Lets in whom the API server knows. Raises OSError when its CA cannot be read."""

    def __init__(self, access: ByCluster) -> None:
        self._reviews = Reviews(access.server, access.ca, access.token)
        self._tokens: Memory[bytes, Identity | Unknown] = Memory(LIFETIME, MOST_TOKENS)
        self._rights: Memory[tuple[Identity, Right], bool] = Memory(LIFETIME, MOST_RIGHTS)
        # Tokens are remembered by a hash that means nothing in another process.
        self._salt = secrets.token_bytes(32)

    async def close(self) -> None:
        await self._reviews.close()

    async def admit(self, authorization: str | None) -> Viewer:
        token = _token(authorization)
        return Known(self, token, await self.identify(token))

    async def identify(self, token: str) -> Identity:
        """Raises UnauthorizedError, AccessUnknownError."""
        key = hashlib.blake2b(token.encode(), key=self._salt, digest_size=32).digest()

        found = await self._tokens.get(key, lambda: self._reviews.identify(token))
        if isinstance(found, Unknown):
            got = "one that has expired" if found.expired else "one that it does not know"
            raise UnauthorizedError(f"expected a token for {AUDIENCE} or for the API server, got {got}")
        return found

    async def may(self, who: Identity, right: Right) -> bool:
        return await self._rights.get((who, right), lambda: self._reviews.may(who, right))


class Known:
    """Somebody with a name, who may see what RBAC says."""

    def __init__(self, gate: ClusterGate, token: str, who: Identity) -> None:
        self._gate = gate
        self._token = token
        self._who = who

    @property
    def name(self) -> str:
        return self._who.name

    async def needs_gateway(self, namespace: str, name: str) -> None:
        await self._needs(Right("get", namespace, name))

    async def needs_namespace(self, namespace: str) -> None:
        await self._needs(Right("list", namespace))

    async def sees_everything(self) -> bool:
        return await self._gate.may(self._who, Right("list", EVERYWHERE))

    async def sees(self, namespace: str) -> bool:
        return await self._gate.may(self._who, Right("list", namespace))

    async def still(self) -> None:
        await self._gate.identify(self._token)

    async def _needs(self, right: Right) -> None:
        if not await self._gate.may(self._who, right):
            raise ForbiddenError(f"expected the right {right}, which {self.name} has not")


def gate_of(access: Access) -> Gate:
    """Raises OSError when it needs a file that cannot be read."""
    match access:
        case Everybody():
            return OpenGate()
        case ByCluster():
            return ClusterGate(access)
        case _:
            assert_never(access)


def _token(authorization: str | None) -> str:
    """RFC 6750, section 2.1. Raises UnauthorizedError."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthorizedError("expected the header Authorization: Bearer TOKEN, got none of that form")
    token = token.strip()
    if len(token) > LONGEST or not token.isascii() or not token.isprintable() or " " in token:
        raise UnauthorizedError(
            f"expected a token of at most {LONGEST} printable characters, got another one"
        )
    return token
