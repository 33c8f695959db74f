"""Which gateways does an object touch? The reverse of what each gateway depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from microgateway_common.names import GatewayKey, Namespace
from microgateway_common.problems import ObjectRef


@dataclass(frozen=True, slots=True)
class NamesOf:
    """The names of all objects of a kind in a namespace: what a hint "did you mean" depends on."""

    kind: str
    namespace: Namespace


#: An object, also one that a reference names and that does not exist (yet).
Dependency = ObjectRef | NamesOf


@dataclass(slots=True)
class Index:
    _needs: dict[GatewayKey, frozenset[Dependency]] = field(default_factory=dict)
    _needed_by: dict[Dependency, set[GatewayKey]] = field(default_factory=dict)
    _needed: dict[str, set[ObjectRef]] = field(default_factory=dict)

    def put(self, gateway: GatewayKey, dependencies: Iterable[Dependency]) -> None:
        """Replace what a gateway depends on."""
        now, before = frozenset(dependencies), self._needs.get(gateway, frozenset())
        for gone in before - now:
            self._forget(gone, gateway)
        for new in now - before:
            self._needed_by.setdefault(new, set()).add(gateway)
            if isinstance(new, ObjectRef):
                self._needed.setdefault(new.kind, set()).add(new)
        self._needs[gateway] = now

    def remove(self, gateway: GatewayKey) -> None:
        for dependency in self._needs.pop(gateway, frozenset()):
            self._forget(dependency, gateway)

    def touched_by(self, dependency: Dependency) -> frozenset[GatewayKey]:
        return frozenset(self._needed_by.get(dependency, ()))

    def needs(self, gateway: GatewayKey) -> frozenset[Dependency]:
        """What was put last."""
        return self._needs.get(gateway, frozenset())

    def needed(self, kind: str) -> frozenset[ObjectRef]:
        """All objects of a kind that gateways depend on."""
        return frozenset(self._needed.get(kind, ()))

    def _forget(self, dependency: Dependency, gateway: GatewayKey) -> None:
        gateways = self._needed_by[dependency]
        gateways.discard(gateway)
        if not gateways:
            del self._needed_by[dependency]
            if isinstance(dependency, ObjectRef):
                self._needed[dependency.kind].discard(dependency)
