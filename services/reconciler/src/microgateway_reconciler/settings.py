"""Flags and environment of the reconciler. A flag wins over its variable, `--redis` over
`MICROGATEWAY_REDIS`."""

from __future__ import annotations

import argparse
import math
import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

from microgateway_common.operator_config import NO_OPERATOR_CONFIG, OperatorConfig
from microgateway_common.sentinel_url import is_sentinel_url
from microgateway_common.settings import (
    DEFAULT_LOG_LEVEL,
    DEFAULT_REDIS_URL,
    Address,
    address,
    from_environment,
    log_level,
    redis_url,
)
from microgateway_compiler.operator_config_file import OperatorConfigError, read_operator_config

from .kubernetes.target import (
    SERVICE_ACCOUNT,
    Access,
    AllNamespaces,
    InCluster,
    Kubeconfig,
    Namespaces,
    NamespacesLabelled,
    Scope,
    own_namespace,
    runs_in_cluster,
)
from .trust.keeper import Given
from .trust.life import Policy

#: Seconds: how long a key is used, and how long it is known before and after.
KEY_LIFETIME = 30 * 24 * 3600.0
KEY_OVERLAP = 600.0


@dataclass(frozen=True, slots=True)
class NoKeys:
    """Nothing is signed: whoever may write to Redis configures engines."""


@dataclass(frozen=True, slots=True)
class KeysInFolder:
    """path: with our keys, and a folder for each namespace that its engines read."""

    path: Path
    policy: Policy


@dataclass(frozen=True, slots=True)
class KeysInSecrets:
    """Names of Secrets. keys: in our own namespace. bootstrap: in each that has engines. redis_server: in our
    own, for the Redis that is installed with us; empty when others run it."""

    keys: str
    bootstrap: str
    redis_server: str
    policy: Policy

    @property
    def redis_reader(self) -> str:
        """For the config-api."""
        return f"{self.redis_server}-reader"


@dataclass(frozen=True, slots=True)
class FromDirectory:
    """manifests: folders and files that are watched. There is one reconciler, and it leads."""

    manifests: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class FromKubernetes:
    """lease_namespace: where the reconcilers agree on a leader. identity: of this process among them."""

    access: Access
    scope: Scope
    lease_namespace: str
    lease_name: str
    identity: str


@dataclass(frozen=True, slots=True)
class Settings:
    source: FromDirectory | FromKubernetes
    redis: Given
    trust: NoKeys | KeysInFolder | KeysInSecrets
    metrics_listen: Address
    log_level: str


def parse(arguments: list[str]) -> Settings:
    """Settings from flags and environment. Exits with 2 and a message when they make no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    config = _operator_config(parser, given.operator_config)
    match given.source:
        case "kubernetes":
            source: FromDirectory | FromKubernetes = _from_kubernetes(parser, given, config)
        case "directory":
            source = _from_directory(parser, given)
        case other:
            parser.error(f"--source: expected directory or kubernetes, got {other!r}")
    level = given.log_level or config.spec.log_level or DEFAULT_LOG_LEVEL
    redis = Given(given.redis, given.redis_credentials)
    return Settings(source, redis, _trust(parser, given), given.metrics_listen, level)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="microgateway-reconciler",
        description="Compiles resources of a folder or of the Kubernetes API server, publishes them through "
        "Redis and reports how they are doing.",
    )
    parser.add_argument(
        "--source",
        default=from_environment("SOURCE", "directory"),
        metavar="SOURCE",
        help="directory (the default) or kubernetes",
    )
    parser.add_argument(
        "--redis", type=redis_url, default=from_environment("REDIS", DEFAULT_REDIS_URL), metavar="URL"
    )
    parser.add_argument(
        "--redis-credentials",
        type=Path,
        default=from_environment("REDIS_CREDENTIALS"),
        metavar="FOLDER",
        help="username, password and ca.crt for Redis, or some of them",
    )
    _add_trust(parser.add_argument_group("trust: who signs what engines get"))
    parser.add_argument(
        "--metrics-listen", type=address, default=from_environment("METRICS_LISTEN", "0.0.0.0:8080")
    )
    parser.add_argument(
        "--log-level",
        type=log_level,
        default=from_environment("LOG_LEVEL"),
        metavar="LEVEL",
        help="default: the OperatorConfig's, else info",
    )
    parser.add_argument(
        "--operator-config",
        type=Path,
        default=from_environment("OPERATOR_CONFIG"),
        metavar="FILE",
        help="an OperatorConfig: namespaces to watch, log level",
    )

    directory = parser.add_argument_group("--source directory")
    directory.add_argument(
        "--manifests",
        type=Path,
        action="append",
        metavar="PATH",
        help="a folder or file of manifests, watched; may be given more than once",
    )

    kubernetes = parser.add_argument_group("--source kubernetes")
    kubernetes.add_argument(
        "--namespaces",
        default=from_environment("NAMESPACES"),
        metavar="NAME,NAME",
        help="watch these namespaces only; without it and --namespace-selector those of the OperatorConfig, "
        "else all",
    )
    kubernetes.add_argument(
        "--namespace-selector",
        default=from_environment("NAMESPACE_SELECTOR"),
        metavar="LABELS",
        help="watch the namespaces with these labels, as `kubectl --selector` takes them",
    )
    kubernetes.add_argument(
        "--service-account",
        type=Path,
        default=from_environment("SERVICE_ACCOUNT", str(SERVICE_ACCOUNT)),
        metavar="FOLDER",
        help="token and ca.crt, for a process in a cluster",
    )
    kubernetes.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="outside a cluster; without it as kubectl finds one"
    )
    kubernetes.add_argument("--context", metavar="NAME", help="of the kubeconfig")
    kubernetes.add_argument(
        "--lease-namespace",
        default=from_environment("LEASE_NAMESPACE"),
        metavar="NAME",
        help="where reconcilers agree on a leader; without it the namespace this one runs in",
    )
    kubernetes.add_argument(
        "--lease-name", default=from_environment("LEASE_NAME", "microgateway-reconciler"), metavar="NAME"
    )
    return parser


def _add_trust(trust: argparse._ArgumentGroup) -> None:
    trust.add_argument(
        "--trust",
        default=from_environment("TRUST", ""),
        metavar="KIND",
        help="secrets: keys in Secrets, the default with --source kubernetes; folder: in --trust-dir; "
        "unsigned: none, whoever may write to Redis configures engines (local development)",
    )
    trust.add_argument(
        "--trust-dir",
        type=Path,
        default=from_environment("TRUST_DIR"),
        metavar="FOLDER",
        help="our keys, and a folder for each namespace, for the --bootstrap-dir of its engines",
    )
    trust.add_argument(
        "--keys-secret",
        default=from_environment("KEYS_SECRET", "microgateway-keys"),
        metavar="NAME",
        help="in the namespace of the lease; made when there is none",
    )
    trust.add_argument(
        "--bootstrap-secret",
        default=from_environment("BOOTSTRAP_SECRET", "microgateway-bootstrap"),
        metavar="NAME",
        help="in each namespace that has engines, which mount it",
    )
    trust.add_argument(
        "--redis-server-secret",
        default=from_environment("REDIS_SERVER_SECRET", ""),
        metavar="NAME",
        help="make users and certificate of the Redis that is installed with us, and NAME-reader for the "
        "config-api",
    )
    for flag, default, what in (
        ("--key-lifetime", KEY_LIFETIME, "how long a key is used"),
        ("--key-overlap", KEY_OVERLAP, "how long one is known before it is used, and afterwards"),
    ):
        name = flag.removeprefix("--").replace("-", "_").upper()
        trust.add_argument(
            flag, type=_seconds, default=from_environment(name, str(default)), metavar="SECONDS", help=what
        )


def _trust(
    parser: argparse.ArgumentParser, given: argparse.Namespace
) -> NoKeys | KeysInFolder | KeysInSecrets:
    policy = Policy(given.key_lifetime, given.key_overlap)
    kind = given.trust or ("secrets" if given.source == "kubernetes" else "")
    if not kind:
        parser.error("--source directory needs --trust folder, or --trust unsigned for local development")
    if kind not in ("secrets", "folder", "unsigned"):
        parser.error(f"--trust: expected secrets, folder or unsigned, got {kind!r}")
    if kind == "unsigned":
        return NoKeys()
    if "@" in given.redis:
        parser.error(
            "--redis: expected a URL without user and password, since engines get it as well: "
            "ours belong into --redis-credentials"
        )
    if kind == "folder":
        if given.trust_dir is None:
            parser.error("--trust folder needs --trust-dir")
        return KeysInFolder(given.trust_dir, policy)
    if given.source != "kubernetes":
        parser.error("--trust secrets needs --source kubernetes")
    if given.redis_server_secret and given.redis_credentials:
        parser.error("expected --redis-server-secret or --redis-credentials, got both")
    if given.redis_server_secret and is_sentinel_url(given.redis):
        parser.error("--redis-server-secret: expected the one Redis that is ours, got sentinels of another")
    return KeysInSecrets(given.keys_secret, given.bootstrap_secret, given.redis_server_secret, policy)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0, got {text!r}")
    return seconds


def _from_directory(parser: argparse.ArgumentParser, given: argparse.Namespace) -> FromDirectory:
    if given.manifests:
        return FromDirectory(tuple(given.manifests))
    variable = from_environment("MANIFESTS")
    if variable is None:
        parser.error("--manifests or MICROGATEWAY_MANIFESTS is needed")
    return FromDirectory(tuple(Path(each) for each in variable.split(":")))


def _operator_config(parser: argparse.ArgumentParser, path: Path | None) -> OperatorConfig:
    try:
        return NO_OPERATOR_CONFIG if path is None else read_operator_config(path)
    except (OperatorConfigError, OSError) as error:
        parser.error(f"--operator-config: {error}")


def _from_kubernetes(
    parser: argparse.ArgumentParser, given: argparse.Namespace, config: OperatorConfig
) -> FromKubernetes:
    if given.manifests:
        parser.error("--manifests: expected --source directory with it, got --source kubernetes")
    if given.namespaces and given.namespace_selector:
        parser.error("expected --namespaces or --namespace-selector, got both")
    if given.kubeconfig is not None or not runs_in_cluster():
        access: Access = Kubeconfig(given.kubeconfig, given.context)
    else:
        access = InCluster(given.service_account)
    namespace = given.lease_namespace or own_namespace(access)
    if namespace is None:
        parser.error("--lease-namespace or MICROGATEWAY_LEASE_NAMESPACE is needed outside a cluster")
    return FromKubernetes(access, _scope(given, config), namespace, given.lease_name, _identity())


def _scope(given: argparse.Namespace, config: OperatorConfig) -> Scope:
    """Flags, if there are any, and the OperatorConfig otherwise."""
    if given.namespaces:
        names = (name.strip() for name in given.namespaces.split(","))
        return Namespaces(tuple(dict.fromkeys(name for name in names if name)))
    if given.namespace_selector:
        return NamespacesLabelled(given.namespace_selector)
    if config.spec.watch_namespaces:
        return Namespaces(tuple(dict.fromkeys(config.spec.watch_namespaces)))
    if selector := str(config.spec.watch_namespace_selector):
        return NamespacesLabelled(selector)
    return AllNamespaces()


def _identity() -> str:
    """The pod's name, for people, and something that a restarted container does not share."""
    name = os.environ.get("POD_NAME") or socket.gethostname()
    return f"{name}_{uuid.uuid4().hex[:8]}"
