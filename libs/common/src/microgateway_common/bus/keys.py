"""Names of Redis keys and channels.

Everything an engine may touch starts with `mgw:<namespace>:`, so that one ACL pattern limits it to
its namespace. A channel has the name of the key whose changes it announces.
"""

from __future__ import annotations

from microgateway_common.names import (
    GatewayKey,
    Generation,
    Namespace,
    PodKey,
    gateway_key,
    pod_key,
    split_key,
)
from microgateway_common.problems import ObjectRef

#: Term of the reconciler that last wrote: fences off an older leader.
TERM = "mgw:term"

#: JSON list of problems with documents and objects, whatever gateway they belong to.
PROBLEMS = "mgw:problems"

#: Pattern of the channels on which acknowledgements arrive, all namespaces.
ALL_ACKNOWLEDGEMENTS = "mgw:*:acks"

#: Pattern of the channels on which statuses of gateways arrive, all namespaces.
ALL_STATUSES = "mgw:*:status:*"

#: Pattern of the channels on which engines report blocks, all namespaces.
ALL_BLOCK_REPORTS = "mgw:*:block-reports"

#: Pattern of the channels that announce kept blocks, all namespaces.
ALL_BLOCKS = "mgw:*:blocks:*"

#: Entry id of the block that was kept last, of any gateway.
LAST_BLOCK = "mgw:last-block"


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


def acknowledging_pod(key: str) -> PodKey:
    """The pod of an `acknowledgement` key."""
    _, namespace, _, name = key.split(":", 3)
    return pod_key(namespace, name)


def acknowledgements(namespace: Namespace) -> str:
    """The channel on which the namespace's engines announce acknowledgements."""
    return f"mgw:{namespace}:acks"


def status(gateway: GatewayKey) -> str:
    """JSON of a GatewayStatus; also its channel."""
    namespace, name = split_key(gateway)
    return f"mgw:{namespace}:status:{name}"


def block_reports(namespace: Namespace) -> str:
    """The channel on which the namespace's engines report what they blocked."""
    return f"mgw:{namespace}:block-reports"


def blocks(gateway: GatewayKey) -> str:
    """A stream of the gateway's recent BlockEvents; also the channel that announces the newest one's id."""
    namespace, name = split_key(gateway)
    return f"mgw:{namespace}:blocks:{name}"


def block_ids(gateway: GatewayKey) -> str:
    """A hash: request id → entry of the stream."""
    namespace, name = split_key(gateway)
    return f"mgw:{namespace}:block-ids:{name}"


def is_blocks(key: str) -> bool:
    """Whether it is one of `blocks`."""
    return key.split(":", 3)[2] == "blocks"


def gateway_of_blocks(key: str) -> GatewayKey:
    """The gateway of a `blocks` key."""
    _, namespace, _, name = key.split(":", 3)
    return gateway_key(namespace, name)


def namespace_of(key: str) -> Namespace:
    """Of any key or channel that has one."""
    return Namespace(key.split(":", 2)[1])


def history(gateway: GatewayKey) -> str:
    """JSON of a History. Engines may neither read nor write it, nor what follows."""
    namespace, name = split_key(gateway)
    return f"mgw:{namespace}:history:{name}"


def past_configuration(gateway: GatewayKey, generation: Generation) -> str:
    """The configuration of an entry of the history."""
    return f"{history(gateway)}:{generation}"


def source(ref: ObjectRef) -> str:
    """JSON of a Source: an object that configurations are compiled from."""
    return f"mgw:{ref.namespace}:source:{ref.kind}/{ref.name}"


#: Patterns of all histories with their configurations, and of all sources.
ALL_HISTORIES = "mgw:*:history:*"
ALL_SOURCES = "mgw:*:source:*"


def sources(namespace: Namespace) -> str:
    """Pattern of those of a namespace, which has no character that means something in a pattern."""
    return f"mgw:{namespace}:source:*"
