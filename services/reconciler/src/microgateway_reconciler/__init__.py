"""Watches resources and pods, compiles engine configurations and publishes them through Redis.

sources      where objects come from: a folder of manifests, or the Kubernetes API server
reconciler   what every source feeds: pipeline and ledger
ledger       what every engine should have, and what of it Redis has not been told yet: unwritten; latency
publication  the ledger's way into Redis: claim, synchronise, write, hear acknowledgements
archive      what people look back at: histories of gateways, and the objects behind them
kubernetes   leader election, statuses and Events on the API server
metrics      what happened, for Prometheus
settings     flags and environment
main         the recipe, on_kubernetes its part for the API server

Compiling itself is microgateway_compiler: pure, and used by the webhook and the command as well.
"""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("microgateway-reconciler")
