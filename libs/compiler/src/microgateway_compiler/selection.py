"""Which gateway owns which pod.

A gateway selects the pods of its namespace that carry the inject label and all labels of its
`spec.podSelector.matchLabels`; without these, every pod with the inject label. Of several gateways
that select one pod the oldest owns it. State is kept per namespace, so that a change costs one pass
over the other side: a pod meets each gateway, a gateway meets each pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from microgateway_common.bus.messages import Assigned, Assignment, Unassigned
from microgateway_common.names import GatewayKey, Namespace, PodKey, pod_key, split_key
from microgateway_common.problems import ObjectRef, Problem, Reason, Severity
from microgateway_common.status import UnmanagedPod

from .objects import Labels, Pod

INJECT_LABEL = "sidecar.microgateway.airlock.com/inject"


@dataclass(frozen=True, slots=True)
class Selector:
    """What a gateway selects. created: seconds since the epoch, infinite when unknown."""

    gateway: GatewayKey
    created: float
    labels: Labels

    def selects(self, labels: Labels) -> bool:
        return all(labels.get(name) == value for name, value in self.labels.items())

    @property
    def seniority(self) -> tuple[float, GatewayKey]:
        """The smaller, the older; gateways of one age in the order of their names."""
        return self.created, self.gateway


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change may have given another outcome."""

    gateways: frozenset[GatewayKey] = frozenset()
    pods: frozenset[PodKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods a gateway selects: its own, those an older gateway owns, and its own that have no engine."""

    owned: tuple[PodKey, ...]
    unmanaged: tuple[UnmanagedPod, ...]
    unprotected: tuple[PodKey, ...] = ()


def takes_part(pod: Pod) -> bool:
    """Whether the pod is to be protected."""
    return pod.labels.get(INJECT_LABEL) == "true" and not pod.finished


@dataclass(frozen=True, slots=True)
class _Member:
    """A pod that takes part."""

    labels: Labels
    has_engine: bool


@dataclass(slots=True)
class _Space:
    """One namespace."""

    selectors: dict[GatewayKey, Selector] = field(default_factory=dict)
    pods: dict[PodKey, _Member] = field(default_factory=dict)


@dataclass(slots=True)
class Selection:
    _spaces: dict[Namespace, _Space] = field(default_factory=dict)
    _claims: dict[PodKey, set[GatewayKey]] = field(default_factory=dict)
    _selected: dict[GatewayKey, set[PodKey]] = field(default_factory=dict)
    _unprotected: set[PodKey] = field(default_factory=set)

    @property
    def unprotected(self) -> AbstractSet[PodKey]:
        """Pods with the inject label and without engine, whether a gateway selects them or not."""
        return self._unprotected

    def put_gateway(self, selector: Selector) -> Touched:
        space = self._space(selector.gateway)
        if space.selectors.get(selector.gateway) == selector:
            return Touched()
        before = self._unclaim(selector.gateway)
        space.selectors[selector.gateway] = selector
        now = {pod for pod, member in space.pods.items() if selector.selects(member.labels)}
        self._selected[selector.gateway] = now
        for pod in now:
            self._claims[pod].add(selector.gateway)
        return self._touched(before | now, selector.gateway)

    def remove_gateway(self, gateway: GatewayKey) -> Touched:
        self._space(gateway).selectors.pop(gateway, None)
        before = self._unclaim(gateway)
        self._selected.pop(gateway, None)
        return self._touched(before, gateway)

    def put_pod(self, pod: Pod) -> Touched:
        key = pod_key(pod.ref.namespace, pod.ref.name)
        if not takes_part(pod):
            return self.remove_pod(pod.ref)
        space = self._space(key)
        member = _Member(pod.labels, pod.has_engine)
        if space.pods.get(key) == member:
            return Touched()
        before = self._claims.get(key, set())
        now = {name for name, selector in space.selectors.items() if selector.selects(pod.labels)}
        space.pods[key] = member
        self._claims[key] = now
        if pod.has_engine:
            self._unprotected.discard(key)
        else:
            self._unprotected.add(key)
        for gateway in before - now:
            self._selected[gateway].discard(key)
        for gateway in now - before:
            self._selected[gateway].add(key)
        return Touched(frozenset(before | now), frozenset({key}))

    def remove_pod(self, ref: ObjectRef) -> Touched:
        key = pod_key(ref.namespace, ref.name)
        if self._space(key).pods.pop(key, None) is None:
            return Touched()
        self._unprotected.discard(key)
        gateways = self._claims.pop(key)
        for gateway in gateways:
            self._selected[gateway].discard(key)
        return Touched(frozenset(gateways), frozenset({key}))

    def selector(self, gateway: GatewayKey) -> Selector | None:
        return self._space(gateway).selectors.get(gateway)

    def pods_of(self, gateway: GatewayKey) -> Pods:
        owned, unmanaged, unprotected = list[PodKey](), list[UnmanagedPod](), list[PodKey]()
        for pod in sorted(self._selected.get(gateway, ())):
            owner = self._owner(pod)
            if owner != gateway:
                unmanaged.append(UnmanagedPod(pod, owner))
            elif pod in self._unprotected:
                unprotected.append(pod)
            else:
                owned.append(pod)
        return Pods(tuple(owned), tuple(unmanaged), tuple(unprotected))

    def assignment(self, pod: PodKey) -> Assignment | None:
        """None for a pod without engine."""
        if pod in self._unprotected:
            return None
        match self._claims.get(pod):
            case None:
                return None
            case claims if claims:
                return Assigned(self._owner(pod))
            case _:
                namespace, _ = split_key(pod)
                return Unassigned(f"no SidecarGateway in namespace {namespace} selects the pod")

    def assignments(self) -> Iterator[tuple[PodKey, Assignment]]:
        for pod in self._claims:
            if (assignment := self.assignment(pod)) is not None:
                yield pod, assignment

    def _owner(self, pod: PodKey) -> GatewayKey:
        selectors = self._space(pod).selectors
        return min(self._claims[pod], key=lambda gateway: selectors[gateway].seniority)

    def _unclaim(self, gateway: GatewayKey) -> set[PodKey]:
        pods = self._selected.get(gateway, set())
        for pod in pods:
            self._claims[pod].discard(gateway)
        return pods

    def _touched(self, pods: Iterable[PodKey], gateway: GatewayKey) -> Touched:
        """A gateway that comes, goes or ages changes what its rivals for the pods own."""
        rivals = set[GatewayKey]().union(*(self._claims[pod] for pod in pods))
        return Touched(frozenset(rivals | {gateway}), frozenset(pods))

    def _space(self, key: GatewayKey | PodKey) -> _Space:
        namespace, _ = split_key(key)
        return self._spaces.setdefault(namespace, _Space())


def owned_by_others(gateway: ObjectRef, pods: Pods) -> Iterator[Problem]:
    """WARNING, since the gateway's other pods get its configuration all the same."""
    for pod in pods.unmanaged:
        yield Problem(
            gateway,
            "spec.podSelector",
            f"to be the only SidecarGateway of pod {pod.pod}",
            f"already owned by the SidecarGateway {pod.managed_by}",
            reason=Reason.POD_ALREADY_OWNED,
            severity=Severity.WARNING,
        )


def lenient_match_labels(raw: Mapping[str, object]) -> Labels | None:
    """The selector of a gateway that is broken elsewhere; None when the selector itself is."""
    match raw.get("spec"):
        case {"podSelector": selector}:
            pass
        case dict():
            return {}
        case _:
            return None
    match selector:
        case {"matchLabels": dict(labels)} if len(selector) == 1:
            readable = all(isinstance(value, str) for value in labels.values())
            return labels if readable else None
        case dict() if not selector:
            return {}
        case _:
            return None
