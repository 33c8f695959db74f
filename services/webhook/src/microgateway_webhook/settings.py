"""What the webhook is told at its start: flags, else `MICROGATEWAY_*`, else defaults."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from microgateway_common.operator_config import NO_OPERATOR_CONFIG, OperatorConfig
from microgateway_common.settings import (
    DEFAULT_LOG_LEVEL,
    Address,
    address,
    from_environment,
    log_level,
    redis_url,
)
from microgateway_compiler.operator_config_file import OperatorConfigError, read_operator_config

from .certificates.life import Policy
from .cluster import Access
from .injection import operator_config
from .injection.template import Template, default_template
from .injection.versions import ServerVersion, parse_version

DEFAULT_LISTEN = Address("0.0.0.0", 9443)  # noqa: S104 - the API server connects from outside the pod

_VERSION = version("microgateway-webhook")


@dataclass(frozen=True, slots=True)
class KeepOurOwn:
    """CA and serving certificate of our own, in a Secret of our namespace.

    service: our Service's name. configuration: name of both webhook configurations. The rest as in
    `certificates.life.Policy`.
    """

    secret: str
    service: str
    configuration: str
    authority_lifetime: timedelta
    serving_lifetime: timedelta
    overlap: timedelta


@dataclass(frozen=True, slots=True)
class MountedCertificate:
    """Somebody else's, `tls.crt` and `tls.key` in a folder."""

    folder: Path


@dataclass(frozen=True, slots=True)
class InCluster:
    access: Access


@dataclass(frozen=True, slots=True)
class WithoutCluster:
    """Nothing is asked of an API server; its version is known."""

    version: ServerVersion


@dataclass(frozen=True, slots=True)
class Settings:
    listen: Address
    namespace: str
    service: str
    template: Template
    certificates: KeepOurOwn | MountedCertificate
    cluster: InCluster | WithoutCluster
    log_level: str


def from_arguments(arguments: Sequence[str] | None = None) -> Settings:
    """Settings from the command line (`sys.argv` when None) and the environment.

    Ends the process with code 2 and a message when one is invalid.
    """
    parser = argparse.ArgumentParser(
        prog="microgateway-webhook",
        description="Admission of pods and resources. Each flag has an environment variable: --log-level is "
        "MICROGATEWAY_LOG_LEVEL.",
    )
    _add_arguments(parser)
    given = parser.parse_args(arguments)
    config = _operator_config(parser, given.operator_config)
    cluster: InCluster | WithoutCluster
    certificates: KeepOurOwn | MountedCertificate
    if given.server_version is not None:
        cluster = WithoutCluster(given.server_version)
    elif given.api_server:
        cluster = InCluster(Access(given.api_server, given.api_ca, given.api_token))
    else:
        parser.error("expected to run in a pod, or --api-server, or --server-version; got none of them")
    if given.certificate_dir is not None:
        certificates = MountedCertificate(given.certificate_dir)
    elif isinstance(cluster, WithoutCluster):
        parser.error("--server-version: without an API server --certificate-dir is needed as well")
    else:
        certificates = _kept(parser, given)
    level = given.log_level or config.spec.log_level or DEFAULT_LOG_LEVEL
    template = _template(given, config)
    return Settings(given.listen, given.namespace, given.service, template, certificates, cluster, level)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    own = Access("")
    parser.add_argument(
        "--listen",
        type=address,
        metavar="HOST:PORT",
        default=from_environment("LISTEN", str(DEFAULT_LISTEN)),
        help="where to answer, over TLS (default: %(default)s)",
    )
    parser.add_argument(
        "--namespace",
        default=os.environ.get("POD_NAMESPACE") or "microgateway-system",
        help="our own (default: POD_NAMESPACE, else microgateway-system)",
    )
    parser.add_argument(
        "--operator-config",
        type=Path,
        metavar="FILE",
        default=from_environment("OPERATOR_CONFIG"),
        help="an OperatorConfig (default: nothing differs from our own template)",
    )
    parser.add_argument(
        "--image-tag",
        metavar="TAG",
        default=from_environment("IMAGE_TAG", "dev"),
        help="of the images of our own template (default: %(default)s)",
    )
    parser.add_argument(
        "--redis",
        type=redis_url,
        metavar="URL",
        default=from_environment("REDIS"),
        help="the bus, for the injected engines, unless the OperatorConfig names one",
    )
    for name in ("engine", "netcheck"):
        parser.add_argument(
            f"--{name}-image",
            metavar="IMAGE",
            default=from_environment(f"{name.upper()}_IMAGE"),
            help=f"of the injected {name}, unless the OperatorConfig names one (default: by --image-tag)",
        )
    parser.add_argument(
        "--certificate-secret",
        metavar="NAME",
        default=from_environment("CERTIFICATE_SECRET", "microgateway-webhook-certificates"),
        help="where our own CA and serving certificate are kept (default: %(default)s)",
    )
    own_policy = Policy(())
    for flag, default, what in (
        ("--authority-lifetime", own_policy.authority_lifetime, "how long our own CA is valid"),
        ("--serving-lifetime", own_policy.serving_lifetime, "how long our own serving certificate is"),
        ("--certificate-overlap", own_policy.overlap, "how long a new CA is trusted before it signs, and "
         "the former one afterwards: every API server and replica has to notice meanwhile"),
    ):  # fmt: skip
        variable = flag.removeprefix("--").replace("-", "_").upper()
        parser.add_argument(
            flag,
            type=_seconds,
            metavar="SECONDS",
            default=from_environment(variable, f"{default.total_seconds():g}"),
            help=f"{what} (default: %(default)s)",
        )
    parser.add_argument(
        "--certificate-dir",
        type=Path,
        metavar="FOLDER",
        default=from_environment("CERTIFICATE_DIR"),
        help="tls.crt and tls.key of somebody else, such as cert-manager, instead of our own",
    )
    parser.add_argument(
        "--service",
        metavar="NAME",
        default=from_environment("SERVICE", "microgateway-webhook"),
        help="our Service, for whose name the certificate is (default: %(default)s)",
    )
    parser.add_argument(
        "--webhook-configuration",
        metavar="NAME",
        default=from_environment("WEBHOOK_CONFIGURATION", "microgateway-webhook"),
        help="of the mutating and of the validating one, whose caBundle is ours (default: %(default)s)",
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
        default=from_environment("API_CA", str(own.ca)),
        help="who signed its certificate (default: %(default)s)",
    )
    parser.add_argument(
        "--api-token",
        type=Path,
        metavar="FILE",
        default=from_environment("API_TOKEN", str(own.token)),
        help="who we are; read for each request (default: %(default)s)",
    )
    parser.add_argument(
        "--server-version",
        type=_server_version,
        metavar="VERSION",
        default=from_environment("SERVER_VERSION"),
        help="ask no API server and assume this version of it",
    )
    parser.add_argument(
        "--log-level",
        type=log_level,
        metavar="LEVEL",
        default=from_environment("LOG_LEVEL"),
        help="the least severe events to log (default: the OperatorConfig's, else info)",
    )


def _kept(parser: argparse.ArgumentParser, given: argparse.Namespace) -> KeepOurOwn:
    authority, serving, overlap = given.authority_lifetime, given.serving_lifetime, given.certificate_overlap
    # A CA is followed in the last third of its life, in two steps of an overlap each.
    if serving > authority or 2 * overlap >= authority / 3:
        parser.error(
            "--authority-lifetime: expected at least --serving-lifetime and more than six times "
            f"--certificate-overlap, got {authority}, {serving} and {overlap}"
        )
    names = given.certificate_secret, given.service, given.webhook_configuration
    return KeepOurOwn(*names, authority, serving, overlap)


def _seconds(text: str) -> timedelta:
    try:
        duration = timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        duration = timedelta()
    if duration <= timedelta():
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return duration


def _operator_config(parser: argparse.ArgumentParser, path: Path | None) -> OperatorConfig:
    try:
        return NO_OPERATOR_CONFIG if path is None else read_operator_config(path)
    except (OperatorConfigError, OSError) as error:
        parser.error(f"--operator-config: {error}")


def _template(given: argparse.Namespace, config: OperatorConfig) -> Template:
    default = default_template(_VERSION, given.image_tag)
    default = replace(
        default,
        managed_by=given.namespace,
        redis=given.redis or default.redis,
        engine=replace(default.engine, image=given.engine_image or default.engine.image),
        netcheck=replace(default.netcheck, image=given.netcheck_image or default.netcheck.image),
    )
    return operator_config.apply(config, default)


def _api_server() -> str:
    """From the variables that Kubernetes gives every pod; empty outside of one."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT_HTTPS") or os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    return f"https://{Address(host, int(port))}" if host else ""


def _server_version(text: str) -> ServerVersion:
    try:
        return parse_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
