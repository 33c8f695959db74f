"""The data plane: every request into the pod passes here first.

http1       messages without I/O: heads, framing, bodies
config      what is served: bundle → Runtime, the last good one on disk, talk with the bus
traffic     the proxy: Exchange (one request and its response, without I/O) and the connections around it
telemetry   access log, application metrics
admin       the pod's own ports: ready, metrics, administration
settings    flags and environment
allocator   what malloc is told
start       imports the rest and begins
main        the recipe
"""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("microgateway-engine")
