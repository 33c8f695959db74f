"""What compiling one resource gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from microgateway_common.ir.origin import Origin, ResourceOrigin
from microgateway_common.problems import Problem
from microgateway_common.resources.metadata import Object

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """value: meaningless when a problem is an error."""

    value: T
    problems: tuple[Problem, ...] = ()


def origin_of(resource: Object) -> Origin:
    metadata = resource.metadata
    return ResourceOrigin(resource.kind, metadata.namespace, metadata.name, metadata.generation)
