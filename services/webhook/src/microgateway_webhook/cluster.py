"""What the webhook asks of the API server: few requests, so few rights (deploy/kustomize/base/webhook.yaml).

    Facts   server version, namespaces, whether an object exists   → admission
    Vault   one Secret                                             → certificates
    Trust   caBundle of our webhook configurations                 → certificates
    Herald  Events about ourselves (certificates.ending)           → certificates

ApiServer is all four over HTTPS. Offline is Facts without a server.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec

from microgateway_common.problems import ObjectRef
from microgateway_common.resources.metadata import API_VERSION
from microgateway_common.resources.registry import KINDS

from .injection.inject import Namespace
from .injection.users import OPENSHIFT_RANGE, UserRange, parse_range
from .injection.versions import ServerVersion, parse_version

#: Who owns the caBundle fields, as `kubectl get --show-managed-fields` shows it.
FIELD_MANAGER = "microgateway-webhook"

#: Seconds of one request; admissions wait for some of them and have ten themselves.
_TIMEOUT = 3.0

#: Seconds that what is known about a namespace is used again.
_NAMESPACE_AGE = 60.0

#: Seconds that the server's version is used again: clusters are upgraded while the webhook runs.
_VERSION_AGE = 300.0

#: Characters of an Event's note.
_LONGEST_NOTE = 1024

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/"


class ClusterError(Exception):
    """The API server does not answer, or not with what was asked for."""


class ConflictError(ClusterError):
    """Somebody else was faster; read again."""


class Facts(Protocol):
    async def server_version(self) -> ServerVersion: ...

    async def namespace(self, name: str) -> Namespace: ...

    async def exists(self, ref: ObjectRef) -> bool: ...


@dataclass(frozen=True, slots=True)
class NoSecret:
    """It has to be created."""


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """version: `metadata.resourceVersion`. The data is kept out of every representation."""

    version: str
    data: Mapping[str, bytes] = field(repr=False)


class Vault(Protocol):
    async def read(self) -> StoredSecret | NoSecret: ...

    async def write(self, data: Mapping[str, bytes], former: StoredSecret | NoSecret) -> None:
        """Raises ConflictError when the Secret is no longer as `former`."""


@dataclass(frozen=True, slots=True)
class WebhookConfiguration:
    """resource: plural, `mutatingwebhookconfigurations`."""

    resource: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Trust(Protocol):
    async def bundles(self, configuration: WebhookConfiguration) -> Mapping[str, bytes]:
        """caBundle by the name of the webhook; empty when the configuration does not exist."""

    async def trust(self, configuration: WebhookConfiguration, webhooks: list[str], bundle: bytes) -> None:
        """Set these webhooks' caBundle and nothing else."""


@dataclass(frozen=True, slots=True)
class Offline:
    """A cluster of which only the version is known."""

    version: ServerVersion

    async def server_version(self) -> ServerVersion:
        return self.version

    async def namespace(self, name: str) -> Namespace:
        return Namespace(name)

    async def exists(self, ref: ObjectRef) -> bool:  # noqa: ARG002 - nothing is known
        return True


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach an API server. token: read for each request, because it is rotated."""

    url: str
    ca: Path = _SERVICE_ACCOUNT / "ca.crt"
    token: Path = _SERVICE_ACCOUNT / "token"


class _FreshToken(httpx.Auth):
    def __init__(self, path: Path) -> None:
        self._path = path

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._path.read_text().strip()}"
        yield request


class ApiServer:
    """secret: namespace and name of the Vault. service: ours, what Events are about. Raises OSError when the
    CA cannot be read."""

    def __init__(self, access: Access, secret: tuple[str, str], service: str = "") -> None:
        self._http = httpx.AsyncClient(
            base_url=access.url,
            auth=_FreshToken(access.token),
            verify=ssl.create_default_context(cafile=str(access.ca)),
            timeout=_TIMEOUT,
            trust_env=False,  # no proxy stands between a pod and its API server
        )
        self._namespace, self._secret = secret
        self._service = service
        self._namespaces: dict[str, tuple[float, Namespace]] = {}
        self._version: tuple[float, ServerVersion] | None = None

    async def close(self) -> None:
        await self._http.aclose()

    async def server_version(self) -> ServerVersion:
        """An old answer rather than none: versions change seldom, and pods have to start."""
        if self._version is None or time.monotonic() - self._version[0] > _VERSION_AGE:
            try:
                answer = await self._request("GET", "/version")
                self._version = (time.monotonic(), parse_version(str(answer.get("gitVersion"))))
            except (ClusterError, ValueError) as error:
                if self._version is None:
                    raise ClusterError(str(error)) from error
        return self._version[1]

    async def namespace(self, name: str) -> Namespace:
        known = self._namespaces.get(name)
        if known is None or time.monotonic() - known[0] > _NAMESPACE_AGE:
            raw = await self._request("GET", f"/api/v1/namespaces/{name}")
            known = self._namespaces[name] = (time.monotonic(), Namespace(name, _users(raw)))
        return known[1]

    async def exists(self, ref: ObjectRef) -> bool:
        plural = KINDS[ref.kind].PLURAL
        path = f"/apis/{API_VERSION}/namespaces/{ref.namespace}/{plural}/{ref.name}"
        return await self._find(path) is not None

    async def read(self) -> StoredSecret | NoSecret:
        raw = await self._find(f"/api/v1/namespaces/{self._namespace}/secrets/{self._secret}")
        if raw is None:
            return NoSecret()
        data = {key: base64.b64decode(value) for key, value in (raw.get("data") or {}).items()}
        return StoredSecret(raw["metadata"]["resourceVersion"], data)

    async def write(self, data: Mapping[str, bytes], former: StoredSecret | NoSecret) -> None:
        metadata = {"name": self._secret, "namespace": self._namespace}
        secret: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
        path = f"/api/v1/namespaces/{self._namespace}/secrets"
        match former:
            case NoSecret():
                await self._request("POST", path, secret)
            case StoredSecret(version=version):
                metadata["resourceVersion"] = version
                await self._request("PUT", f"{path}/{self._secret}", secret)

    async def bundles(self, configuration: WebhookConfiguration) -> Mapping[str, bytes]:
        raw = await self._find(f"{_WEBHOOKS}{configuration.resource}/{configuration.name}")
        webhooks = (raw or {}).get("webhooks") or []
        return {
            each["name"]: base64.b64decode(each["clientConfig"].get("caBundle") or "") for each in webhooks
        }

    async def trust(self, configuration: WebhookConfiguration, webhooks: list[str], bundle: bytes) -> None:
        """Server-side apply: the caBundle of these webhooks is ours; who applied the rest owns the rest."""
        encoded = base64.b64encode(bundle).decode()
        applied = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": configuration.kind,
            "metadata": {"name": configuration.name},
            "webhooks": [{"name": name, "clientConfig": {"caBundle": encoded}} for name in webhooks],
        }
        await self._request(
            "PATCH",
            f"{_WEBHOOKS}{configuration.resource}/{configuration.name}",
            applied,
            parameters={"fieldManager": FIELD_MANAGER, "force": "true"},
            content_type="application/apply-patch+yaml",
        )

    async def warn(self, reason: str, note: str) -> None:
        """Named by what it says, so that neither a restart nor another replica says it twice."""
        suffix = hashlib.sha256(f"{reason}\0{note}".encode()).hexdigest()[:16]
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{self._service}.{suffix}", "namespace": self._namespace},
            "type": "Warning",
            "reason": reason,
            "action": "Renewing",
            "note": note[:_LONGEST_NOTE],
            "regarding": {
                "apiVersion": "v1",
                "kind": "Service",
                "namespace": self._namespace,
                "name": self._service,
            },
            "reportingController": "microgateway.airlock.com/webhook",
            "reportingInstance": socket.gethostname()[:128],
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        path = f"/apis/events.k8s.io/v1/namespaces/{self._namespace}/events"
        with contextlib.suppress(ConflictError):  # it has been said
            await self._request("POST", path, event)

    async def _find(self, path: str) -> dict[str, Any] | None:
        try:
            return await self._request("GET", path)
        except _NotFoundError:
            return None

    async def _request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        parameters: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        try:
            answer = await self._http.request(
                method,
                path,
                params=parameters,
                content=None if body is None else msgspec.json.encode(body),
                headers={"Content-Type": content_type},
            )
        except (httpx.HTTPError, OSError) as error:
            raise ClusterError(f"{method} {path}: {type(error).__name__}: {error}") from error
        if answer.status_code == 404:
            raise _NotFoundError(f"{method} {path}: not found")
        if answer.status_code == 409:
            raise ConflictError(f"{method} {path}: conflict")
        if not answer.is_success:
            raise ClusterError(f"{method} {path}: status {answer.status_code}: {answer.text[:300]}")
        try:
            return msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise ClusterError(f"{method} {path}: expected a JSON object: {error}") from error


class _NotFoundError(ClusterError):
    pass


def _users(raw: dict[str, Any]) -> UserRange | None:
    text = (raw["metadata"].get("annotations") or {}).get(OPENSHIFT_RANGE)
    try:
        return None if text is None else parse_range(text)
    except ValueError as error:
        raise ClusterError(f"namespace {raw['metadata']['name']}: {error}") from error
