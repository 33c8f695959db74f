"""Where a piece of configuration came from: provenance for logs, explanations and exceptions."""

from __future__ import annotations

from msgspec import Struct


class ResourceOrigin(Struct, frozen=True, tag="resource"):
    """A custom resource at one `metadata.generation` (0 when the source does not count them)."""

    kind: str
    namespace: str
    name: str
    generation: int

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class DefaultOrigin(Struct, frozen=True, tag="default"):
    """No resource was referred to; the kind's documented defaults apply."""

    kind: str

    def __str__(self) -> str:
        return f"{self.kind} (defaults)"


Origin = ResourceOrigin | DefaultOrigin
