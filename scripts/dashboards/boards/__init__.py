"""One file a board."""

from __future__ import annotations

from typing import Final

from .control_plane import CONTROL_PLANE
from .downstream import DOWNSTREAM
from .overview import OVERVIEW
from .request_logs import REQUEST_LOGS
from .system import SYSTEM
from .threats import BLOCKS, LOG_ONLY
from .upstream import UPSTREAM

#: In the order in which Grafana should list them.
BOARDS: Final = (OVERVIEW, BLOCKS, LOG_ONLY, DOWNSTREAM, UPSTREAM, SYSTEM, CONTROL_PLANE, REQUEST_LOGS)
