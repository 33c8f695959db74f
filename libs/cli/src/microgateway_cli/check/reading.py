"""Everything that is asked of the API server. It changes nothing: reviews are questions, too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import TypeVar

from microgateway_common.resources.metadata import API_VERSION, GROUP
from microgateway_common.resources.registry import KINDS
from microgateway_compiler.selection import INJECT_LABEL
from microgateway_reconciler.kubernetes.api import METADATA, UNAVAILABLE, ApiError, ApiServer

from .expected import CNI, CONFIG_API, RECONCILER, RIGHTS, WEBHOOK, Right, Where
from .pods import BOOTSTRAP
from .snapshot import Held, Lacking, Many, Missing, One, Places, Raw, Snapshot, Unread, namespace_of
from .webhooks import FOREIGN, OWN
from .workloads import REDIS

#: Requests at once.
AT_ONCE = 10

#: Objects of one page of a list.
PAGE = 500

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class NoApiServerError(Exception):
    """It does not answer, or not us."""


class Reader:
    """Answers, whatever comes of each question."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def version(self) -> Raw:
        """Raises NoApiServerError."""
        try:
            return await self._api.get("/version")
        except UNAVAILABLE as error:
            raise NoApiServerError(f"the API server does not answer: {_words(error)}") from error

    async def one(self, path: str, accept: str = "application/json") -> One:
        try:
            async with self._turn:
                return await self._api.get(path, accept=accept)
        except UNAVAILABLE as error:
            if isinstance(error, ApiError) and error.status == 404:
                return Missing()
            return Unread(_words(error))

    async def many(self, path: str, **query: str) -> Many:
        found: list[Raw] = []
        following = ""
        while True:
            try:
                async with self._turn:
                    page = await self._api.get(
                        path, limit=str(PAGE), **query, **({"continue": following} if following else {})
                    )
            except UNAVAILABLE as error:
                # A kind that is not served yet has no objects.
                return [] if isinstance(error, ApiError) and error.status == 404 else Unread(_words(error))
            found += page.get("items") or []
            following = page.get("metadata", {}).get("continue") or ""
            if not following:
                return found

    async def may(self, account: tuple[str, str] | None, right: Right, namespace: str) -> bool | Unread:
        """account: namespace and name of a service account; None for who we are. namespace: empty for all."""
        resource, _, subresource = right.resource.partition("/")
        spec: Raw = {
            "resourceAttributes": {
                "group": right.group, "resource": resource, "subresource": subresource, "verb": right.verb,
                "name": right.name, "namespace": namespace,
            }
        }  # fmt: skip
        kind = "SelfSubjectAccessReview"
        if account is not None:
            kind = "SubjectAccessReview"
            groups = [
                "system:serviceaccounts",
                f"system:serviceaccounts:{account[0]}",
                "system:authenticated",
            ]
            spec |= {"user": f"system:serviceaccount:{account[0]}:{account[1]}", "groups": groups}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        try:
            async with self._turn:
                answer = await self._api.post(f"/apis/authorization.k8s.io/v1/{kind.lower()}s", body)
        except UNAVAILABLE as error:
            return Unread(_words(error))
        return (answer.get("status") or {}).get("allowed") is True


async def read(api: ApiServer, places: Places) -> Snapshot:
    """Raises NoApiServerError."""
    reader = Reader(api)
    version = await reader.version()
    admission = "/apis/admissionregistration.k8s.io/v1"
    system = f"/apis/apps/v1/namespaces/{places.system}/deployments"
    secrets = f"/api/v1/namespaces/{places.system}/secrets"
    definitions, webhooks, certificates, deployments = await asyncio.gather(
        _each({
            kind: reader.one(f"{CRDS}/{model.PLURAL}.{GROUP}")
            for kind, model in sorted(KINDS.items())
        }),
        _each({
            kind: reader.one(f"{admission}/{kind.lower()}s/microgateway-webhook")
            for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
        }),
        _each({name: reader.one(f"{secrets}/{name}") for name in (OWN, FOREIGN)}),
        _each({name: reader.one(f"{system}/{name}") for name in (RECONCILER, WEBHOOK, CONFIG_API, REDIS)}),
    )  # fmt: skip
    agents = f"/api/v1/namespaces/{places.cni}/pods"
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{places.system}/leases/microgateway-reconciler"
    pods = await reader.many("/api/v1/pods", labelSelector=f"{INJECT_LABEL}=true")
    gateways = await reader.many(f"/apis/{API_VERSION}/sidecargateways")
    namespaces = sorted(
        {namespace_of(each) for found in (pods, gateways) if isinstance(found, list) for each in found}
    )
    return Snapshot(
        places=places,
        version=version,
        definitions=definitions,
        webhooks=webhooks,
        certificates=certificates,
        deployments=deployments,
        daemonset=await reader.one(f"/apis/apps/v1/namespaces/{places.cni}/daemonsets/{CNI}"),
        agents=await reader.many(agents, labelSelector=f"app.kubernetes.io/name={CNI}"),
        nodes=await reader.many("/api/v1/nodes"),
        lease=await reader.one(lease),
        gateways=gateways,
        pods=pods,
        bootstraps=await _each({
            each: reader.one(f"/api/v1/namespaces/{each}/secrets/{BOOTSTRAP}", METADATA)
            for each in namespaces
        }),
        rights=await _each({
            (account, right): _right(reader, places, account, right, namespaces)
            for account, rights in RIGHTS.items()
            for right in rights
        }),
    )  # fmt: skip


async def _right(
    reader: Reader, places: Places, account: str, right: Right, namespaces: Sequence[str]
) -> Held | Lacking | Unread:
    """In the whole cluster, or else, as with Roles, in each namespace that is worked in."""
    home = places.cni if account == CNI else places.system
    who = (home, account)
    allowed = await reader.may(who, right, home if right.where is Where.OWN else "")
    if isinstance(allowed, Unread):
        return allowed
    if allowed:
        return Held()
    if right.where is not Where.WORK:
        return Lacking()
    lacking = []
    for namespace in namespaces:
        there = await reader.may(who, right, namespace)
        if isinstance(there, Unread):
            return there
        if not there:
            lacking.append(namespace)
    return Lacking(tuple(lacking)) if lacking or not namespaces else Held()


async def _each(asked: Mapping[KeyT, Awaitable[ValueT]]) -> dict[KeyT, ValueT]:
    return dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
