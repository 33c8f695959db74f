"""Environment and standard input → what the runtime asks for (CNI spec 1.1.0, section 2).

ADD needs no previous result: a plugin that is called alone (Multus delegates) answers with an empty one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .errors import CniError, Code

VERSIONS = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")
NEWEST = VERSIONS[-1]

#: Operations that came with a later version of the specification.
_SINCE = {"CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}

_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
#: IFNAMSIZ without the final NUL.
_INTERFACE_NAME_BYTES = 15


class Attachment(NamedTuple):
    """One interface of one container: what ADD, CHECK and DEL are about.

    arguments: CNI_ARGS; of Kubernetes runtimes K8S_POD_NAMESPACE, K8S_POD_NAME and, if newer, K8S_POD_UID
    """

    container_id: str
    interface: str
    arguments: Mapping[str, str]


class Add(NamedTuple):
    configuration: Mapping[str, Any]
    attachment: Attachment
    namespace: Path


class Check(NamedTuple):
    configuration: Mapping[str, Any]
    attachment: Attachment
    namespace: Path


class Delete(NamedTuple):
    """namespace: None where the runtime no longer has one, as after a reboot."""

    configuration: Mapping[str, Any]
    attachment: Attachment
    namespace: Path | None


class Version(NamedTuple):
    """Which versions do you speak?"""


class GarbageCollect(NamedTuple):
    configuration: Mapping[str, Any]


class Status(NamedTuple):
    configuration: Mapping[str, Any]


Request = Add | Check | Delete | Version | GarbageCollect | Status


def parse(environment: Mapping[str, str], stdin: bytes) -> Request:
    """Raises CniError with codes 1, 4, 6 or 7."""
    command = environment.get("CNI_COMMAND", "")
    match command:
        case "VERSION":
            return Version()
        case "ADD" | "CHECK" | "DEL" | "GC" | "STATUS":
            pass
        case _:
            raise CniError(
                Code.INVALID_ENVIRONMENT,
                "CNI_COMMAND: expected ADD, CHECK, DEL, GC, STATUS or VERSION",
                f"got {command!r}",
            )
    configuration = _configuration(stdin)
    _require_version(command, configuration)
    match command:
        case "GC":
            return GarbageCollect(configuration)
        case "STATUS":
            return Status(configuration)
        case "DEL":
            netns = environment.get("CNI_NETNS", "")
            return Delete(configuration, _attachment(environment), Path(netns) if netns else None)
        case "CHECK":
            if "prevResult" not in configuration:
                raise CniError(Code.INVALID_CONFIGURATION, "prevResult: CHECK needs that of ADD, got none")
            return Check(configuration, _attachment(environment), _namespace(environment))
        case _:
            return Add(configuration, _attachment(environment), _namespace(environment))


def version_of(stdin: bytes) -> str:
    """The version an answer to this input must have; ours where the input does not say."""
    try:
        version = json.loads(stdin).get("cniVersion")
    except (ValueError, AttributeError, RecursionError):
        return NEWEST
    return version if isinstance(version, str) and version in VERSIONS else NEWEST


def _configuration(stdin: bytes) -> Mapping[str, Any]:
    try:
        configuration = json.loads(stdin)
    except (ValueError, RecursionError) as error:
        raise CniError(Code.UNDECODABLE, "expected a network configuration on stdin", str(error)) from error
    if not isinstance(configuration, dict):
        got = type(configuration).__name__
        raise CniError(Code.UNDECODABLE, "expected a network configuration on stdin", f"got a JSON {got}")
    previous = configuration.get("prevResult", {})
    if not isinstance(previous, dict):
        raise CniError(
            Code.INVALID_CONFIGURATION, "prevResult: expected an object", f"got {type(previous).__name__}"
        )
    return configuration


def _require_version(command: str, configuration: Mapping[str, Any]) -> None:
    version = configuration.get("cniVersion")
    if version not in VERSIONS:
        raise CniError(
            Code.INCOMPATIBLE_VERSION,
            "incompatible CNI versions",
            f"expected one of {', '.join(VERSIONS)}, got {version!r}",
        )
    since = _SINCE.get(command, VERSIONS[0])
    if VERSIONS.index(version) < VERSIONS.index(since):
        raise CniError(
            Code.INCOMPATIBLE_VERSION,
            f"{command} needs cniVersion {since} or newer",
            f"the network configuration says {version}",
        )


def _attachment(environment: Mapping[str, str]) -> Attachment:
    container_id = environment.get("CNI_CONTAINERID", "")
    if not (container_id[:1].isalnum() and _ID_CHARACTERS.issuperset(container_id)):
        raise _invalid("CNI_CONTAINERID", "letters, digits and _.- after a letter or digit", container_id)
    interface = environment.get("CNI_IFNAME", "")
    forbidden = not interface or interface in (".", "..") or any(c in "/:" or c.isspace() for c in interface)
    if forbidden or len(interface.encode("utf-8", "surrogateescape")) > _INTERFACE_NAME_BYTES:
        raise _invalid("CNI_IFNAME", "the name of a network interface", interface)
    return Attachment(container_id, interface, _arguments(environment.get("CNI_ARGS", "")))


def _namespace(environment: Mapping[str, str]) -> Path:
    netns = environment.get("CNI_NETNS", "")
    if not netns:
        raise _invalid("CNI_NETNS", "the path of a network namespace", netns)
    return Path(netns)


def _arguments(text: str) -> dict[str, str]:
    """`K=V;K=V`; an item without `=` is refused, as the specification's libraries do."""
    found = {}
    for item in filter(None, text.split(";")):
        key, equals, value = item.partition("=")
        if not equals:
            raise _invalid("CNI_ARGS", "KEY=VALUE;KEY=VALUE", text)
        found[key] = value
    return found


def _invalid(variable: str, expected: str, got: str) -> CniError:
    return CniError(Code.INVALID_ENVIRONMENT, f"{variable}: expected {expected}", f"got {got[:256]!r}")
