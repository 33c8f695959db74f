"""The application's probes, reached through the engine's health port: the contract with the engine.

    kubelet ── GET :19001/app-health/shop/livez ──► engine ── the original probe ──► application

The application's port belongs to the redirect: a probe sent there would be inspected, logged and counted
like a request, and a TCP probe would succeed because the engine answered. So the kubelet asks the engine, and
the engine asks the application, directly and unfiltered.

The engine finds the originals in the environment variable `MICROGATEWAY_APP_PROBES`, a JSON object:

    {"/app-health/shop/livez":  {"httpGet": {"path": "/alive", "port": 8080, "scheme": "HTTP",
                                             "httpHeaders": [{"name": "Host", "value": "shop"}]},
                                 "timeoutSeconds": 1},
     "/app-health/shop/readyz": {"tcpSocket": {"port": 5432}, "timeoutSeconds": 1},
     "/app-health/db/startupz": {"grpc": {"port": 50051, "service": ""}, "timeoutSeconds": 5}}

The key is the path that the kubelet requests: `/app-health/<container>/<name>`, name one of livez, readyz,
startupz, poststartz, prestopz (the last two for lifecycle handlers with httpGet). The value has just one of
`httpGet`, `tcpSocket`, `grpc`, as in core/v1 Probe with its defaults filled in and ports as numbers, to be
tried at the pod's address (variable POD_IP), and the seconds that it may take. An engine that speaks HTTP
answers 200 when the probe succeeds, else with the application's status, or 503 where there is none; for
httpGet a status from 200 to 399 is success.

Left alone: exec, whatever names another host, and ports that are excluded from the redirect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .injection.names import HEALTH_PORT

VARIABLE = "MICROGATEWAY_APP_PROBES"

PATH_PREFIX = "/app-health/"

#: Where a container has them → last part of the path.
_PROBES = {"livenessProbe": "livez", "readinessProbe": "readyz", "startupProbe": "startupz"}
_HANDLERS = {"postStart": "poststartz", "preStop": "prestopz"}

_ACTIONS = ("httpGet", "tcpSocket", "grpc")

#: Of core/v1 Probe.
_DEFAULT_TIMEOUT = 1
#: Lifecycle handlers have no timeout of their own; this is a pod's default grace period.
_HANDLER_TIMEOUT = 30

Container = dict[str, Any]
Definition = dict[str, Any]
#: By path, as in the environment variable.
Definitions = dict[str, Definition]


class Rewriter:
    """Rewrites the probes of a pod's containers, and remembers the originals and what it left alone."""

    def __init__(self, excluded_ports: frozenset[int]) -> None:
        self._excluded_ports = excluded_ports
        self.definitions: Definitions = {}
        self.warnings: list[str] = []

    def rewrite(self, path: str, container: Container) -> Container:
        """path: of the container in the pod, for warnings."""
        changed = dict(container)
        for place, probe in _probes(container):
            last, field = place[-1], ".".join(place)
            default = _DEFAULT_TIMEOUT if last in _PROBES else _HANDLER_TIMEOUT
            definition = self._definition(f"{path}.{field}", probe, container, default)
            if definition is not None:
                get = _ours(container, place)
                self.definitions[get["path"]] = definition
                _put(changed, place, {**_without_action(probe), "httpGet": get})
        return changed

    def _definition(
        self, path: str, probe: dict[str, Any], container: Container, timeout: int
    ) -> Definition | None:
        """None when the kubelet's own way is right."""
        for action in _ACTIONS:
            match probe.get(action):
                case {"host": str(host)} if host:
                    return None
                case {"port": int() | str() as given, **rest}:
                    port = _number(given, container)
                    if port is None:
                        self.warnings.append(
                            f"{path}.{action}.port: expected a number or the name of a port of the"
                            f" container, got {given!r}; the probe stays as it is"
                        )
                    if port is None or port in self._excluded_ports:
                        return None
                    rest.pop("host", None)
                    defaults = {"path": "/", "scheme": "HTTP"} if action == "httpGet" else {}
                    seconds = probe.get("timeoutSeconds") or timeout
                    return {action: {**defaults, **rest, "port": port}, "timeoutSeconds": seconds}
        return None


def restore(container: Container, definitions: Mapping[str, Definition]) -> Container:
    """The container with its original probes; those that are none of ours stay as they are."""
    changed = dict(container)
    for place, probe in _probes(container):
        get = _ours(container, place)
        definition = definitions.get(get["path"])
        if definition is not None and probe.get("httpGet") == get:
            original = {key: value for key, value in definition.items() if key in _ACTIONS}
            _put(changed, place, {**_without_action(probe), **original})
    return changed


def _ours(container: Container, place: tuple[str, ...]) -> dict[str, Any]:
    """What the kubelet asks for in place of the probe there."""
    name = _PROBES.get(place[-1]) or _HANDLERS[place[-1]]
    return {"path": f"{PATH_PREFIX}{container['name']}/{name}", "port": HEALTH_PORT, "scheme": "HTTP"}


def encode(definitions: Definitions) -> str:
    """As the environment variable has it. `$` is escaped: the kubelet would expand `$(NAME)`."""
    return msgspec.json.encode(definitions, order="sorted").decode().replace("$", "\\u0024")


def decode(text: str) -> Definitions:
    """What `encode` made; nothing of what is something else."""
    try:
        return msgspec.json.decode(text, type=dict[str, dict[str, Any]])
    except msgspec.MsgspecError:
        return {}


def _probes(container: Container) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for field in _PROBES:
        if isinstance(probe := container.get(field), dict):
            yield (field,), probe
    lifecycle = container.get("lifecycle")
    if isinstance(lifecycle, dict):
        for field in _HANDLERS:
            # tcpSocket of a handler is never executed (core/v1 LifecycleHandler).
            if isinstance(handler := lifecycle.get(field), dict) and "httpGet" in handler:
                yield ("lifecycle", field), handler


def _put(container: Container, place: tuple[str, ...], value: dict[str, Any]) -> None:
    match place:
        case (field,):
            container[field] = value
        case (field, inner):
            container[field] = {**container[field], inner: value}


def _without_action(probe: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in probe.items() if key not in _ACTIONS}


def _number(port: int | str, container: Container) -> int | None:
    """The port behind a number or a name."""
    if isinstance(port, int):
        return port
    if port.isascii() and port.isdecimal():
        return int(port)
    for each in container.get("ports") or []:
        if each.get("name") == port and isinstance(each.get("containerPort"), int):
            number: int = each["containerPort"]
            return number
    return None
