"""Contracts between the services; nothing here belongs to one of them.

resources   the custom resources as users write them (pydantic; extra `resources`)
ir          what a gateway's resources compile to: the engine's configuration (msgspec, no Kubernetes)
wire        a compiled configuration as bytes: schema version, digest, signature
bus         how those bytes travel through Redis, and what comes back (extra `bus`)
problems    what is wrong with an object: which field, what was expected, what came
status      how a gateway is doing, as the reconciler reports it
redact      a configuration without its secrets, for people
difference  what two configurations do differently, for people
history     which configurations a gateway had, and who changed what
mirror      the objects they were compiled from, without secrets
managed_headers  what header rewrites may not touch
logs        ECS 8.5 JSON lines on stdout
settings    environment variables and flags of a service
"""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("microgateway-common")
