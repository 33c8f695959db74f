"""What Redis has not been told yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from microgateway_common.names import GatewayKey, PodKey


@dataclass(slots=True)
class Unwritten:
    """What has changed since it was last taken. bundles: also their statuses."""

    bundles: set[GatewayKey] = field(default_factory=set)
    statuses: set[GatewayKey] = field(default_factory=set)
    assignments: set[PodKey] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    problems: bool = False

    def __bool__(self) -> bool:
        return bool(self.bundles or self.statuses or self.assignments or self.removed or self.problems)

    def sizes(self) -> Mapping[str, int]:
        """By kind."""
        return {
            "bundles": len(self.bundles),
            "statuses": len(self.statuses),
            "assignments": len(self.assignments),
            "removals": len(self.removed),
        }
