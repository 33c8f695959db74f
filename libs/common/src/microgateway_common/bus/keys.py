"""Names of Redis keys and channels.

Everything an engine may touch starts with `mgw:<namespace>:`, so that one ACL pattern limits it to
its namespace. A channel has the name of the key whose changes it announces.
"""

from __future__ import annotations

from microgateway_common.names import GatewayKey, Namespace, PodKey, split_key

#: Term of the reconciler that last wrote: fences off an older leader.
TERM = "mgw:term"

#: JSON list of problems with documents and objects, whatever gateway they belong to.
PROBLEMS = "mgw:problems"

#: Pattern of the channels on which acknowledgements arrive, all namespaces.
ALL_ACKNOWLEDGEMENTS = "mgw:*:acks"


def bundle(gateway: GatewayKey) -> str:
    """A hash with `generation` and `data` (wire bytes); also the channel that carries those bytes."""
    namespace, name = split_key(gateway)
    return f"mgw:{namespace}:bundle:{name}"


def assignment(pod: PodKey) -> str:
    """JSON of an Assignment; also its channel."""
    namespace, name = split_key(pod)
    return f"mgw:{namespace}:assignment:{name}"


def acknowledgement(pod: PodKey) -> str:
    """JSON of an Acknowledgement; expires when the engine stops renewing it."""
    namespace, name = split_key(pod)
    return f"mgw:{namespace}:ack:{name}"


def acknowledgements(namespace: Namespace) -> str:
    """The channel on which the namespace's engines announce acknowledgements."""
    return f"mgw:{namespace}:acks"


def status(gateway: GatewayKey) -> str:
    """JSON of a GatewayStatus; also its channel."""
    namespace, name = split_key(gateway)
    return f"mgw:{namespace}:status:{name}"
