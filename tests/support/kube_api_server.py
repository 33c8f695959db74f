"""A real Kubernetes API server with its etcd, on loopback, to be killed and brought back.

No kubelet, scheduler or controller: objects are stored, validated, watched and authorised, nothing runs.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from chain import ROOT, Service, eventually
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID
from written import json_lines

from microgateway_cli.processes import free_port

ISSUER = "https://kubernetes.default.svc"

#: What service accounts ask for is noted, so that a test can compare it with what they may.
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}

#: Seconds the API server may take to be ready, on a busy machine.
START = 180.0


@cache
def binaries() -> Path | str:
    """The folder with kube-apiserver and etcd, or why there is none. Root builds them once."""
    script = [str(ROOT / "scripts" / "kube-apiserver.sh")]
    if os.geteuid() != 0:
        script.append("--if-there")
    # Progress of a build, which goes to stderr, is shown where pytest shows it.
    done = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        return "no kube-apiserver: set KUBEBUILDER_ASSETS, or run scripts/kube-apiserver.sh as root"
    if shutil.which("kubectl") is None:
        return "no kubectl on PATH"
    return Path(done.stdout.strip())


class KubeApiServer:
    """folder: for its state, keys and logs. assets: with the binaries."""

    def __init__(self, folder: Path, assets: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._etcd_port = free_port()
        self.token = secrets.token_hex(16)
        self._ca = _Authority(folder)
        self._signing_key = _write_key(folder / "service-accounts.key")
        (folder / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")
        (folder / "audit.json").write_text(json.dumps(_AUDIT))
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps(self._kubeconfig()))
        etcd = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{free_port()}"
        self._etcd = Service(
            "etcd",
            [str(assets / "etcd"), f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={etcd}",
             f"--advertise-client-urls={etcd}", f"--listen-peer-urls={peer}", "--unsafe-no-fsync"],
            folder / "etcd.log", {"ETCD_UNSUPPORTED_ARCH": "", "GODEBUG": ""},
        )  # fmt: skip
        self._server = Service(
            "kube-apiserver",
            [str(assets / "kube-apiserver"), f"--etcd-servers={etcd}", "--bind-address=127.0.0.1",
             f"--secure-port={self.port}", "--advertise-address=127.0.0.1",
             f"--cert-dir={folder}", f"--tls-cert-file={folder / 'server.crt'}",
             f"--tls-private-key-file={folder / 'server.key'}", f"--token-auth-file={folder / 'tokens.csv'}",
             "--authorization-mode=RBAC", f"--service-account-issuer={ISSUER}", f"--api-audiences={ISSUER}",
             f"--service-account-signing-key-file={folder / 'service-accounts.key'}",
             f"--service-account-key-file={folder / 'service-accounts.key'}",
             "--service-cluster-ip-range=10.96.0.0/16", "--allow-privileged=true",
             "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition,Priority",
             f"--audit-policy-file={folder / 'audit.json'}", f"--audit-log-path={folder / 'audit.log'}",
             "--endpoint-reconciler-type=none"],
            folder / "kube-apiserver.log", {"GOMAXPROCS": "2"},
        )  # fmt: skip
        context = ssl.create_default_context(cafile=str(self.ca))
        self.http = httpx.Client(
            base_url=self.url, verify=context, headers={"Authorization": f"Bearer {self.token}"}, timeout=60
        )

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        return self._ca.certificate

    def __enter__(self) -> Self:
        self._etcd.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self._server.close()
        self._etcd.close()

    def start(self) -> None:
        self._server.start()
        eventually(self._is_ready, "the API server to be ready", START)

    def stop(self) -> None:
        """Kill it as a crash would: watches end without a word."""
        self._server.end(signal.SIGKILL)

    def _is_ready(self) -> bool:
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def compact(self) -> None:
        """Let etcd forget all history, so that no watch can begin in the past."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self._etcd_port}", timeout=60) as etcd:
            key = base64.b64encode(b"any").decode()
            revision = etcd.post("/v3/kv/range", json={"key": key}).json()["header"]["revision"]
            body = {"revision": revision, "physical": True}
            etcd.post("/v3/kv/compaction", json=body).raise_for_status()

    def kubectl(self, *arguments: str, stdin: str | None = None, patience: float = 180) -> str:
        """Its output; fails with what it says when it fails."""
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder / 'kubectl'}",
             *arguments],
            input=stdin, capture_output=True, text=True, timeout=patience, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def apply(self, manifests: str) -> None:
        self.kubectl("apply", "-f", "-", stdin=manifests)

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, "-n", namespace, name, "-o", "json"))
        return found

    def service_account(self, folder: Path, namespace: str, name: str, seconds: float = 3600) -> Path:
        """A folder as the kubelet mounts it into pods of this service account, which must exist."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.ca, folder / "ca.crt")
        (folder / "namespace").write_text(namespace)
        self.renew_token(folder, namespace, name, seconds)
        return folder

    def renew_token(self, folder: Path, namespace: str, name: str, seconds: float = 3600) -> None:
        """A token in the folder that is valid for so long: less than the ten minutes that TokenRequest
        gives at least."""
        uid = self.get("serviceaccount", namespace, name)["metadata"]["uid"]
        now = time.time()
        claims = {
            "iss": ISSUER,
            "aud": [ISSUER],
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "iat": int(now - 600),
            "nbf": int(now - 600),
            # The server grants a minute of leeway (go-jose, jwt.DefaultLeeway).
            "exp": int(now + seconds - 60),
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
        }
        new = folder / "token.new"
        new.write_text(_jwt(claims, self._signing_key))
        new.replace(folder / "token")

    def asked(self, user: str) -> Iterator[dict[str, Any]]:
        """Audit events of what a user was allowed to do so far."""
        for event in json_lines(self.folder / "audit.log"):
            allowed = event.get("annotations", {}).get("authorization.k8s.io/decision") == "allow"
            if event["user"]["username"] == user and allowed:
                yield event

    def environment(self) -> dict[str, str]:
        """Of a process in a pod."""
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port)}

    def _kubeconfig(self) -> Mapping[str, Any]:
        ca = base64.b64encode(self.ca.read_bytes()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "certificate-authority-data": ca}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }


class _Authority:
    """A CA and the API server's certificate."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "ca.crt"
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        usage = {
            "digital_signature": True, "content_commitment": False, "key_encipherment": False,
            "data_encipherment": False, "key_agreement": False, "encipher_only": False,
            "decipher_only": False, "key_cert_sign": False, "crl_sign": False,
        }  # fmt: skip
        signs = {**usage, "key_cert_sign": True, "crl_sign": True}
        ca = (
            _certificate(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**signs), critical=True)
            .add_extension(own, critical=False)
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        server = _write_key(folder / "server.key")
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        certificate = (
            _certificate(subject, name, server.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(issuer, critical=False)
            .sign(key, hashes.SHA256())
        )
        (folder / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _write_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return key


def _jwt(claims: Mapping[str, Any], key: ec.EllipticCurvePrivateKey) -> str:
    """RFC 7519 with ES256 (RFC 7518, section 3.4)."""
    # The key id that Kubernetes gives a public key (pkg/serviceaccount/jwt.go, keyIDFromPublicKey).
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public)
    header = {"alg": "ES256", "kid": _text(digest.finalize())}
    signed = f"{_text(json.dumps(header).encode())}.{_text(json.dumps(claims).encode())}"
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
