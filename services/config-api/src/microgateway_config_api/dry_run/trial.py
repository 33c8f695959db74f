"""The objects that are live, then the posted ones on top of them, compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from microgateway_common.mirror import Invalid, Manifest, Mirrored, SecretNames
from microgateway_common.names import GatewayKey
from microgateway_common.problems import DocumentRef, ObjectRef, Problem, Reason
from microgateway_common.resources.metadata import API_VERSION
from microgateway_compiler.outcome import GatewayOutcome
from microgateway_compiler.pipeline import Pipeline

from .posted import Posted

#: In place of the fields of an object that is not known: no model takes it.
_UNKNOWN = "invalid at the moment"


class Trial:
    """affected: gateways that depend on something posted or removed with it; None for one that would go.
    unused: posted objects that no gateway depends on. problems: of documents and of those objects.
    """

    def __init__(self, live: Iterable[Mirrored], posted: Posted, *, complete: bool) -> None:
        """live: objects of the posted namespaces. complete: others than the posted are to go, but Secrets, of
        which nobody posts all."""
        self._pipeline = Pipeline()
        self._invalid: dict[ObjectRef, Invalid] = {}
        known = set[ObjectRef]()
        for each in live:
            known.add(each.ref)
            self._put(each)
        self._pipeline.changes()
        for ref in known:
            if ref in posted.refs or (complete and ref.kind != "Secret"):
                self._pipeline.remove_object(ref)
                self._invalid.pop(ref, None)
        for path, documents in posted.documents.items():
            self._pipeline.replace_documents(path, documents)
        changes = self._pipeline.changes()
        self.affected: Mapping[GatewayKey, GatewayOutcome | None] = {
            **{gateway: self._pipeline.outcomes[gateway] for gateway in sorted(changes.recompiled)},
            **dict.fromkeys(sorted(changes.removed)),
        }
        self.unused = tuple(sorted(ref for ref in posted.refs if not self._pipeline.users(ref)))
        self.problems = tuple(
            problem
            for problem in self._pipeline.problems
            if isinstance(problem.subject, DocumentRef) or problem.subject in posted.refs
        )

    def problems_of(self, outcome: GatewayOutcome) -> tuple[Problem, ...]:
        """Of a gateway and everything it refers to."""
        return tuple(self._true(problem) for problem in outcome.problems)

    def _put(self, mirrored: Mirrored) -> None:
        match mirrored:
            case Manifest(raw=raw):
                self._pipeline.replace_object(raw)
            case Invalid(ref):
                self._invalid[ref] = mirrored
                self._pipeline.replace_object(_unknown(ref))
            case SecretNames(ref, names):
                self._pipeline.replace_secret(ref, names)
            case _:
                assert_never(mirrored)

    def _true(self, problem: Problem) -> Problem:
        """What is wrong with an object that is not known is known to others."""
        if isinstance(problem.subject, ObjectRef) and problem.subject in self._invalid:
            errors = self._invalid[problem.subject].errors
            got = f"one with {errors} error{'' if errors == 1 else 's'} that is live"
            return Problem(problem.subject, "", "a valid object", got, Reason.BROKEN_REFERENCE)
        return problem


def _unknown(ref: ObjectRef) -> dict[str, Any]:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": API_VERSION, "kind": ref.kind, "metadata": metadata, "spec": _UNKNOWN}
