"""Where the API server is, whom it may be, and the token it knows us by.

The token is a file that is read for each call: service account tokens end after an hour, and whoever keeps
one in memory is locked out.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class AccessError(ValueError):
    """Names the file or variable, what was expected and what came."""


class Access(NamedTuple):
    """url: https (http for a local proxy). authority: PEM of the CA, empty for the system's.

    token_file: empty when no token is needed.
    """

    url: SplitResult
    authority: str
    token_file: str

    def token(self) -> str:
        """Raises OSError."""
        return Path(self.token_file).read_text(encoding="ascii").strip() if self.token_file else ""

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authority or None)


def in_cluster(environment: Mapping[str, str] = os.environ, directory: Path = _SERVICE_ACCOUNT) -> Access:
    """What the kubelet gives a pod. Raises AccessError."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise AccessError("KUBERNETES_SERVICE_HOST and _PORT: expected the API server's address, got none")
    address = f"[{host}]" if ":" in host else host
    return Access(
        _url(f"https://{address}:{port}", "KUBERNETES_SERVICE_HOST"),
        _read(directory / "ca.crt"),
        str(directory / "token"),
    )


def from_kubeconfig(path: Path) -> Access:
    """A kubeconfig in JSON, as `to_kubeconfig` writes it. Raises AccessError."""
    text = _read(path)
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise AccessError(f"{path}: expected a kubeconfig as JSON, got: {error}") from error
    match raw:
        case {
            "clusters": [{"cluster": {"server": str(server), **cluster}}],
            "users": [{"user": {"tokenFile": str(token_file)}}],
        }:
            return Access(_url(server, str(path)), _authority(cluster, path), token_file)
        case _:
            raise AccessError(f"{path}: expected one cluster with a server and one user with a tokenFile")


def to_kubeconfig(access: Access, token_file: Path) -> bytes:
    """JSON, which every reader of kubeconfigs takes for YAML. token_file: as its reader sees it."""
    cluster: dict[str, Any] = {"server": access.url.geturl()}
    if access.authority:
        cluster["certificate-authority-data"] = base64.b64encode(access.authority.encode()).decode()
    name = "microgateway-cni"
    return (
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": name, "cluster": cluster}],
                "users": [{"name": name, "user": {"tokenFile": str(token_file)}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
                "current-context": name,
            },
            indent=2,
        ).encode()
        + b"\n"
    )


def _authority(cluster: Mapping[Any, Any], path: Path) -> str:
    data = cluster.get("certificate-authority-data", "")
    try:
        return base64.b64decode(data, validate=True).decode("ascii")
    except (binascii.Error, UnicodeError, TypeError) as error:
        raise AccessError(f"{path}: certificate-authority-data: expected PEM in base64, {error}") from error


def _url(text: str, where: str) -> SplitResult:
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        usable = None
    if not usable:
        raise AccessError(f"{where}: expected http(s)://HOST:PORT, got {text!r}")
    return url


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise AccessError(f"{path}: expected a readable file, got: {error}") from error
