"""What the config-api is told at its start: flags, else `MICROGATEWAY_*`, else defaults."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from microgateway_common.settings import (
    DEFAULT_REDIS_URL,
    Address,
    RedisUrl,
    address,
    from_environment,
    log_level,
    redis_url,
)

DEFAULT_LISTEN = Address("127.0.0.1", 8090)

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Everybody:
    """Nobody is asked who they are."""


@dataclass(frozen=True, slots=True)
class ByCluster:
    """The API server says who asks and what they may see. server: its URL. ca: who signed its certificate.
    token: a file that says who we are."""

    server: str
    ca: Path
    token: Path


Access = Everybody | ByCluster


@dataclass(frozen=True, slots=True)
class Settings:
    """read_timeout: seconds that all of one request's reads from Redis may take.
    redis_credentials: a folder (`bus.connection.read_access`). cache_dir: keeps compiled deny rules.
    access: who may ask."""

    listen: Address = DEFAULT_LISTEN
    redis: RedisUrl = DEFAULT_REDIS_URL
    log_level: str = "info"
    read_timeout: float = 2.0
    cache_dir: Path | None = None
    redis_credentials: Path | None = None
    access: Access = Everybody()


def from_arguments(arguments: Sequence[str] | None = None) -> Settings:
    """Settings from the command line (`sys.argv` when None) and the environment.

    Ends the process with code 2 and a message when one is invalid.
    """
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="microgateway-config-api",
        description="REST view of what is configured, what is live and what is wrong. Each flag has an "
        "environment variable: --redis is MICROGATEWAY_REDIS.",
    )
    parser.add_argument(
        "--listen",
        type=address,
        metavar="HOST:PORT",
        default=from_environment("LISTEN", str(defaults.listen)),
        help="where to answer (default: %(default)s)",
    )
    parser.add_argument(
        "--redis",
        type=redis_url,
        metavar="URL",
        default=from_environment("REDIS", DEFAULT_REDIS_URL),
        help=f"the bus: redis://, rediss:// or unix:// (default: {DEFAULT_REDIS_URL})",
    )
    parser.add_argument(
        "--redis-credentials",
        type=Path,
        metavar="FOLDER",
        default=from_environment("REDIS_CREDENTIALS"),
        help="username, password and ca.crt for Redis, or some of them",
    )
    parser.add_argument(
        "--log-level",
        type=log_level,
        metavar="LEVEL",
        default=from_environment("LOG_LEVEL", defaults.log_level),
        help="the least severe events to log (default: %(default)s)",
    )
    parser.add_argument(
        "--cache-dir",
        type=Path,
        metavar="FOLDER",
        default=from_environment("CACHE_DIR"),
        help="keeps compiled deny rules (default: nowhere; the first explanation then takes seconds)",
    )
    _add_access(parser)
    given = parser.parse_args(arguments)
    if given.redis_credentials is not None and not given.redis_credentials.is_dir():
        parser.error(f"--redis-credentials: expected a folder, got {str(given.redis_credentials)!r}")
    return Settings(
        given.listen,
        given.redis,
        given.log_level,
        redis_credentials=given.redis_credentials,
        cache_dir=given.cache_dir,
        access=_access(parser, given),
    )


def _add_access(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--access",
        type=_access_mode,
        metavar="MODE",
        default=from_environment("ACCESS"),
        help="who may ask: kubernetes, whom the API server lets read sidecargateways; local, everybody who "
        "can connect (default: local on the loopback, which anything else has to be told)",
    )
    parser.add_argument(
        "--api-server",
        metavar="URL",
        default=from_environment("API_SERVER", _api_server()),
        help="the Kubernetes API (default: that of the pod we run in)",
    )
    parser.add_argument(
        "--api-ca",
        type=Path,
        metavar="FILE",
        default=from_environment("API_CA", str(_SERVICE_ACCOUNT / "ca.crt")),
        help="who signed its certificate (default: %(default)s)",
    )
    parser.add_argument(
        "--api-token",
        type=Path,
        metavar="FILE",
        default=from_environment("API_TOKEN", str(_SERVICE_ACCOUNT / "token")),
        help="who we are; read for each request (default: %(default)s)",
    )


def _access(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Access:
    if given.access == "local":
        return Everybody()
    if given.access is None:
        if is_loopback(given.listen):
            return Everybody()
        parser.error(
            f"--listen {given.listen}: expected --access kubernetes, or --access local to answer everybody "
            "who can connect, got neither"
        )
    if not given.api_server.startswith("https://"):
        parser.error("--access kubernetes: expected to run in a pod, or --api-server https://…")
    return ByCluster(given.api_server, given.api_ca, given.api_token)


def is_loopback(listen: Address) -> bool:
    """Of a name only `localhost` counts: where others lead may change."""
    try:
        return ip_address(listen.host).is_loopback
    except ValueError:
        return listen.host == "localhost"


def _access_mode(text: str) -> str:
    """An argparse type: unlike `choices` it checks a default from a variable too."""
    if text not in ("kubernetes", "local"):
        raise argparse.ArgumentTypeError(f"expected kubernetes or local, got {text!r}")
    return text


def _api_server() -> str:
    """From the variables that Kubernetes gives every pod; empty outside of one."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT_HTTPS") or os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://{Address(host, int(port))}" if host else ""
