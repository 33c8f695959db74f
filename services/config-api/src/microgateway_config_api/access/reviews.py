"""TokenReview (authentication.k8s.io/v1) and SubjectAccessReview (authorization.k8s.io/v1)."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from microgateway_config_api.problem_details import AccessUnknownError

from .identity import GROUP, RESOURCE, Identity, Right, Unknown

logger = logging.getLogger(__name__)

#: Whom a token for us alone is for. What it opens here opens nothing at the API server.
AUDIENCE = "microgateway-config-api"

#: Seconds that one review may take, with the time it waits for its turn.
TIMEOUT = 3.0

#: Reviews at once: whoever sends rubbish must not keep the API server busy through us.
AT_ONCE = 16


class Reviews:
    """token: a file with our own, read for each request, because it is rotated.

    Raises OSError when the CA cannot be read.
    """

    def __init__(self, server: str, ca: Path, token: Path) -> None:
        self._http = httpx.AsyncClient(
            base_url=server,
            auth=_FreshToken(token),
            verify=ssl.create_default_context(cafile=str(ca)),
            timeout=TIMEOUT,
            trust_env=False,  # no proxy stands between a pod and its API server
        )
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None:
        await self._http.aclose()

    async def identify(self, token: str) -> Identity | Unknown:
        """A token for AUDIENCE, or for the API server itself. Raises AccessUnknownError."""
        status = await self._review_token({"token": token, "audiences": [AUDIENCE]})
        if status.get("authenticated") and AUDIENCE in (status.get("audiences") or ()):
            return _identity(status)
        status = await self._review_token({"token": token})
        if status.get("authenticated"):
            return _identity(status)
        return Unknown(expired="expired" in str(status.get("error")).lower())

    async def may(self, who: Identity, right: Right) -> bool:
        """Raises AccessUnknownError."""
        attributes = {"group": GROUP, "resource": RESOURCE, "verb": right.verb}
        attributes |= {"namespace": right.namespace, "name": right.name}
        spec = {
            "user": who.name,
            "uid": who.uid,
            "groups": list(who.groups),
            "extra": {key: list(values) for key, values in who.extra},
            "resourceAttributes": attributes,
        }
        status = await self._review("authorization.k8s.io", "SubjectAccessReview", spec)
        return status.get("allowed") is True and status.get("denied") is not True

    async def _review_token(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self._review("authentication.k8s.io", "TokenReview", spec)

    async def _review(self, group: str, kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its `status`. What is asked has tokens in it and goes into no message."""
        body = msgspec.json.encode({"apiVersion": f"{group}/v1", "kind": kind, "spec": spec})
        path = f"/apis/{group}/v1/{kind.lower()}s"
        try:
            async with asyncio.timeout(TIMEOUT), self._turn:
                answer = await self._http.post(
                    path, content=body, headers={"Content-Type": "application/json"}
                )
        except (httpx.HTTPError, OSError) as error:
            raise _unknown(kind, f"{type(error).__name__}: {error}".removesuffix(": ")) from error
        if answer.status_code != httpx.codes.CREATED:
            raise _unknown(kind, f"status {answer.status_code}{_reason(answer)}")
        try:
            status = msgspec.json.decode(answer.content, type=dict[str, Any])["status"]
        except (msgspec.MsgspecError, KeyError) as error:
            raise _unknown(kind, "what is no review") from error
        if not isinstance(status, dict):
            raise _unknown(kind, "a review without status")
        return status


class _FreshToken(httpx.Auth):
    def __init__(self, path: Path) -> None:
        self._path = path

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._path.read_text().strip()}"
        yield request


def _identity(status: Mapping[str, Any]) -> Identity:
    user = status.get("user") or {}
    name = user.get("username")
    if not isinstance(name, str) or not name:
        raise _unknown("TokenReview", "somebody without a name")
    extra = sorted((key, tuple(values)) for key, values in (user.get("extra") or {}).items())
    return Identity(name, str(user.get("uid") or ""), tuple(user.get("groups") or ()), tuple(extra))


def _reason(answer: httpx.Response) -> str:
    """A word such as `Forbidden`: more of the answer may quote the question."""
    try:
        reason = msgspec.json.decode(answer.content, type=dict[str, Any]).get("reason")
    except msgspec.MsgspecError:
        return ""
    return f" {reason}" if isinstance(reason, str) and reason.isalpha() else ""


def _unknown(kind: str, got: str) -> AccessUnknownError:
    logger.warning("no %s: expected the API server's answer, got %s", kind, got)
    return AccessUnknownError(
        f"who asks and what they may see is the API server's to say: expected its {kind}, got {got}"
    )
