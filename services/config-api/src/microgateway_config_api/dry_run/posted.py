"""Manifests that were sent, as documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from microgateway_common.names import Namespace
from microgateway_common.problems import ObjectRef, Problem
from microgateway_common.resources.metadata import GROUP, LABEL
from microgateway_compiler.documents import Document, read_documents
from microgateway_compiler.objects import BrokenResource, CustomResource, Secret, read_object

_NAMESPACE: Final = re.compile(LABEL)


class Posted(NamedTuple):
    """documents: of each file. refs: the objects among them that configurations are compiled from.
    namespaces: of these, such as can exist."""

    documents: Mapping[str, list[Document | Problem]]
    refs: frozenset[ObjectRef]
    namespaces: frozenset[Namespace]


def read_posted(files: Iterable[tuple[str, str]], namespace: str) -> Posted:
    """files: path and content of each; of two with one path the later counts. namespace: of objects that name
    none."""
    documents: dict[str, list[Document | Problem]] = {}
    refs = set[ObjectRef]()
    for path, content in files:
        documents[path] = [_placed(each, namespace) for each in read_documents(path, content)]
        for each in documents[path]:
            if isinstance(each, Document):
                match read_object(each.ref, each.raw):
                    case CustomResource(ref=ref) | BrokenResource(ref=ref) | Secret(ref=ref):
                        refs.add(ref)
    possible = {ref.namespace for ref in refs if _NAMESPACE.match(ref.namespace) and len(ref.namespace) <= 63}
    return Posted(documents, frozenset(refs), frozenset(map(Namespace, possible)))


def _placed(document: Document | Problem, namespace: str) -> Document | Problem:
    match document:
        case Document(path, line, {"apiVersion": str(version), "metadata": dict(metadata)} as raw) if (
            version == "v1" or version.partition("/")[0] == GROUP
        ) and metadata.get("namespace") in (None, ""):
            placed: dict[str, Any] = {**raw, "metadata": {**metadata, "namespace": namespace}}
            return Document(path, line, placed)
        case _:
            return document
