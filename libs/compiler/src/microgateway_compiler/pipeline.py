"""All stages together, incrementally: changes in, outcomes of the touched gateways out.

    replace_file ─► documents ─► objects ─► Store ─► changed references
                                                        │ Index, Selection
    changes()    ◄─ outcomes ◄─ compile ◄─ resolve ◄────┘ touched gateways

The outcome is a function of what the sources hold, not of the order in which they came, with two
exceptions that keep what works working: while a file has a document that cannot be read, the objects
that its readable text lacks stay in force; while a gateway's podSelector is invalid, it keeps its pods.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from microgateway_common.bus.messages import Assignment
from microgateway_common.names import GatewayKey, PodKey, gateway_key, split_key
from microgateway_common.problems import DocumentRef, ObjectRef, Problem, Reason
from microgateway_common.resources.content_security import ContentSecurity
from microgateway_common.resources.sidecar_gateway import SidecarGateway

from .compile.gateway import Compiled, Failed, compile_gateway
from .compile.parts import Parts
from .documents import Document, read_documents
from .index import Index, NamesOf
from .objects import BrokenResource, CustomResource, NotOurs, Pod, Secret, read_object
from .outcome import GatewayOutcome
from .resolve import resolve
from .selection import Selection, Selector, Touched, lenient_match_labels, owned_by_others
from .store import Source, Store, Stored
from .unsupported import unsupported_in_content_security

_GATEWAY = SidecarGateway.__name__
_POD = "Pod"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new since the last call.

    outcomes: of gateways that came or have another outcome. removed: gateways that are gone.
    assignments: of pods that came or have another assignment. departed: pods that are gone.
    problems: all of documents and objects that belong to no gateway, old ones too.
    recompiled: the gateways that were compiled, whether anything came of it or not.
    objects: that came, changed or went.
    """

    outcomes: Mapping[GatewayKey, GatewayOutcome]
    removed: frozenset[GatewayKey]
    assignments: Mapping[PodKey, Assignment]
    departed: frozenset[PodKey]
    problems: tuple[Problem, ...]
    recompiled: frozenset[GatewayKey]
    objects: frozenset[ObjectRef] = frozenset()

    def then(self, later: Changes) -> Changes:
        """Both as one."""
        return Changes(
            {
                gateway: outcome
                for gateway, outcome in {**self.outcomes, **later.outcomes}.items()
                if gateway not in later.removed
            },
            (self.removed - later.outcomes.keys()) | later.removed,
            {
                pod: assignment
                for pod, assignment in {**self.assignments, **later.assignments}.items()
                if pod not in later.departed
            },
            (self.departed - later.assignments.keys()) | later.departed,
            later.problems,
            self.recompiled | later.recompiled,
            self.objects | later.objects,
        )


@dataclass(frozen=True, slots=True)
class _Configuration:
    """A gateway without its pods."""

    observed_generation: int
    result: Compiled | Failed
    problems: tuple[Problem, ...]


class Pipeline:
    def __init__(self) -> None:
        self._store = Store()
        self._index = Index()
        self._selection = Selection()
        self._parts = Parts()
        self._source_problems: dict[Source, tuple[Problem, ...]] = {}
        self._object_problems: dict[ObjectRef, tuple[Problem, ...]] = {}
        self._configurations: dict[GatewayKey, _Configuration] = {}
        self._outcomes: dict[GatewayKey, GatewayOutcome] = {}
        self._assignments: dict[PodKey, Assignment] = {}
        self._changed: set[ObjectRef] = set()
        self._renamed: set[NamesOf] = set()

    @property
    def outcomes(self) -> Mapping[GatewayKey, GatewayOutcome]:
        """Of all gateways, as of the last `changes()`."""
        return self._outcomes

    @property
    def assignments(self) -> Mapping[PodKey, Assignment]:
        """Of all pods with an engine, as of the last `changes()`."""
        return self._assignments

    @property
    def unprotected(self) -> AbstractSet[PodKey]:
        """Pods with the inject label and without engine, as of the last `changes()`."""
        return self._selection.unprotected

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Of documents and objects that belong to no gateway, as of the last `changes()`."""
        return self._loose_problems()

    def selector(self, gateway: GatewayKey) -> Selector | None:
        """Which pods the gateway selects, as of the last `changes()`; None for an unknown gateway."""
        return self._selection.selector(gateway)

    def users(self, ref: ObjectRef) -> frozenset[GatewayKey]:
        """The gateways that depend on the object, as of the last `changes()`; a gateway on itself."""
        return self._index.touched_by(ref)

    def used_by(self, gateway: GatewayKey) -> frozenset[ObjectRef]:
        """The objects a gateway depends on, as of the last `changes()`, itself among them, and such that
        do not exist."""
        return frozenset(each for each in self._index.needs(gateway) if isinstance(each, ObjectRef))

    def stored(self, ref: ObjectRef) -> Stored | None:
        """What the sources hold under the reference at this moment."""
        return self._store.stored(ref)

    def secrets(self) -> frozenset[ObjectRef]:
        """The Secrets that gateways refer to, as of the last `changes()`, whether they exist or not. No
        others have to be put in."""
        return self._index.needed(Secret.__name__)

    def replace_file(self, path: str, content: str | bytes) -> None:
        """The file is new, or holds something else now."""
        self.replace_documents(path, read_documents(path, content))

    def replace_documents(self, path: str, documents: Iterable[Document | Problem]) -> None:
        """As `replace_file`, of a file that was read."""
        source = Source(path)
        objects, problems = _read(documents)
        held = self._store.source(source)
        if held and not objects and not problems:
            got = "an empty file, whose last objects stay in force"
            empty = Problem(DocumentRef(path, 1), "", "at least one document", got, Reason.MALFORMED)
            problems = [empty]
        if any(problem.reason is Reason.MALFORMED for problem in problems):
            readable = {stored.object.ref for stored in objects}
            objects += [stored for stored in held if stored.object.ref not in readable]
        self._replace(source, objects, problems)

    def unreadable_file(self, path: str, reason: str) -> None:
        """The file is there and cannot be read; its last objects stay in force."""
        source = Source(path)
        problem = Problem(DocumentRef(path, 1), "", "a file that can be read", reason, Reason.MALFORMED)
        self._replace(source, self._store.source(source), [problem])

    def remove_file(self, path: str) -> None:
        self._replace(Source(path), (), ())

    def replace_object(self, raw: Mapping[str, Any]) -> None:
        """An object of the API server is new, or changed."""
        ref = _ref_of(raw)
        source = _source_of(ref)
        objects, problems = _read([Document(source, 1, dict(raw))])
        self._replace(source, objects, problems)

    def replace_secret(self, ref: ObjectRef, names: Iterable[str]) -> None:
        """A Secret with entries of these names, whose values are withheld."""
        source = _source_of(ref)
        secret = Secret(ref, dict.fromkeys(names, b""), withheld=True)
        self._replace(source, [Stored(DocumentRef(source, 1), secret)], ())

    def remove_object(self, ref: ObjectRef) -> None:
        self._replace(_source_of(ref), (), ())

    def changes(self) -> Changes:
        """Bring everything up to date."""
        changed, renamed = self._changed, self._renamed
        self._changed, self._renamed = set(), set()

        gateways = {gateway_key(ref.namespace, ref.name) for ref in changed if ref.kind == _GATEWAY}
        for ref in changed:
            gateways |= self._index.touched_by(ref)
        for names in renamed:
            gateways |= self._index.touched_by(names)

        selection = [self._object_changed(ref) for ref in sorted(changed)]
        for gateway in sorted(gateways):
            self._compile(gateway)
        reselected = gateways.union(*(touched.gateways for touched in selection))
        pods = frozenset[PodKey]().union(*(touched.pods for touched in selection))
        outcomes, removed = self._settle_outcomes(sorted(reselected))
        assignments, departed = self._settle_assignments(sorted(pods))
        return Changes(
            outcomes,
            removed,
            assignments,
            departed,
            self._loose_problems(),
            frozenset(gateways & self._configurations.keys()),
            frozenset(changed),
        )

    def _replace(self, source: Source, objects: Iterable[Stored], problems: Iterable[Problem]) -> None:
        change = self._store.replace(source, objects)
        self._changed |= change.changed
        self._renamed |= change.renamed
        if reported := tuple(problems):
            self._source_problems[source] = reported
        else:
            self._source_problems.pop(source, None)

    def _object_changed(self, ref: ObjectRef) -> Touched:
        """Update what is known of single objects."""
        self._parts.forget(ref)
        problems: tuple[Problem, ...] = ()
        touched = Touched()
        match self._store.get(ref):
            case CustomResource(resource=SidecarGateway() as gateway, created=created):
                labels = gateway.spec.pod_selector.match_labels
                touched = self._selection.put_gateway(Selector(_key(ref), created, labels))
            case CustomResource(resource=ContentSecurity() as content_security):
                problems = tuple(unsupported_in_content_security(content_security))
            case CustomResource(resource=resource):
                problems = self._parts.problems_of(resource)
            case BrokenResource() as broken if ref.kind == _GATEWAY:
                touched = self._selection.put_gateway(self._last_selector(broken))
            case BrokenResource() as broken:
                problems = broken.problems
            case Pod() as pod:
                touched = self._selection.put_pod(pod)
            case None if ref.kind == _GATEWAY:
                touched = self._selection.remove_gateway(_key(ref))
            case None if ref.kind == _POD:
                touched = self._selection.remove_pod(ref)
        if problems:
            self._object_problems[ref] = problems
        else:
            self._object_problems.pop(ref, None)
        return touched

    def _last_selector(self, broken: BrokenResource) -> Selector:
        """A broken gateway keeps its pods, which no other gateway shall get by somebody's typing error."""
        key = _key(broken.ref)
        labels = lenient_match_labels(broken.raw)
        known = self._selection.selector(key)
        if labels is not None:
            return Selector(key, broken.created, labels)
        if known is not None:
            return Selector(key, broken.created, known.labels)
        return Selector(key, math.inf, {"": ""})  # no pod has an empty label

    def _compile(self, gateway: GatewayKey) -> None:
        namespace, name = split_key(gateway)
        ref = ObjectRef(_GATEWAY, namespace, name)
        match self._store.get(ref):
            case CustomResource(resource=SidecarGateway() as resource, generation=generation):
                resolved = resolve(resource, self._store)
                result, problems = compile_gateway(resolved, self._parts)
                self._index.put(gateway, resolved.depends_on)
                self._configurations[gateway] = _Configuration(generation, result, problems)
            case BrokenResource(generation=generation, problems=problems):
                self._index.put(gateway, [ref])
                self._configurations[gateway] = _Configuration(generation, Failed(), problems)
            case _:
                self._index.remove(gateway)
                self._configurations.pop(gateway, None)

    def _settle_outcomes(
        self, gateways: Iterable[GatewayKey]
    ) -> tuple[dict[GatewayKey, GatewayOutcome], frozenset[GatewayKey]]:
        news, removed = dict[GatewayKey, GatewayOutcome](), set[GatewayKey]()
        for gateway in gateways:
            outcome = self._outcome(gateway)
            if outcome is None:
                if self._outcomes.pop(gateway, None) is not None:
                    removed.add(gateway)
            elif self._outcomes.get(gateway) != outcome:
                self._outcomes[gateway] = news[gateway] = outcome
        return news, frozenset(removed)

    def _outcome(self, gateway: GatewayKey) -> GatewayOutcome | None:
        configuration = self._configurations.get(gateway)
        if configuration is None:
            return None
        namespace, name = split_key(gateway)
        pods = self._selection.pods_of(gateway)
        return GatewayOutcome(
            gateway,
            configuration.observed_generation,
            configuration.result,
            (*configuration.problems, *owned_by_others(ObjectRef(_GATEWAY, namespace, name), pods)),
            pods.owned,
            pods.unmanaged,
            pods.unprotected,
        )

    def _settle_assignments(
        self, pods: Iterable[PodKey]
    ) -> tuple[dict[PodKey, Assignment], frozenset[PodKey]]:
        news, departed = dict[PodKey, Assignment](), set[PodKey]()
        for pod in pods:
            assignment = self._selection.assignment(pod)
            if assignment is None:
                if self._assignments.pop(pod, None) is not None:
                    departed.add(pod)
            elif self._assignments.get(pod) != assignment:
                self._assignments[pod] = news[pod] = assignment
        return news, frozenset(departed)

    def _loose_problems(self) -> tuple[Problem, ...]:
        """Of documents, and of objects that no gateway refers to."""
        problems = [problem for source in self._source_problems.values() for problem in source]
        problems += self._store.duplicates()
        for ref, found in self._object_problems.items():
            if not self._index.touched_by(ref):
                problems += found
        return tuple(sorted(problems, key=_order))


def _read(documents: Iterable[Document | Problem]) -> tuple[list[Stored], list[Problem]]:
    objects, problems = list[Stored](), list[Problem]()
    for document in documents:
        if isinstance(document, Problem):
            problems.append(document)
            continue
        match read_object(document.ref, document.raw):
            case Problem() as problem:
                problems.append(problem)
            case NotOurs():
                continue
            case known:
                objects.append(Stored(document.ref, known))
    return objects, problems


def _ref_of(raw: Mapping[str, Any]) -> ObjectRef:
    """What the API server calls the object; it has no object without kind and name."""
    metadata = raw["metadata"]
    return ObjectRef(raw["kind"], metadata.get("namespace", ""), metadata["name"])


def _source_of(ref: ObjectRef) -> Source:
    return Source(f"api-server/{ref.namespace}/{ref.kind}/{ref.name}")


def _key(ref: ObjectRef) -> GatewayKey:
    return gateway_key(ref.namespace, ref.name)


def _order(problem: Problem) -> tuple[str, ...]:
    return str(problem.subject), problem.field, problem.expected, problem.got
