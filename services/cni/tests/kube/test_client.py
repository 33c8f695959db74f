from __future__ import annotations

import http.server
import shutil
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from services.cni.tests.api_server import NODE, ApiServer, pod_object

from microgateway_cni.kube.access import Access
from microgateway_cni.kube.client import MERGE_PATCH, Client, Conflict, Denied, Expired, NotFound

SHOP = "/api/v1/namespaces/default/pods/shop"


def test_an_object_is_read_and_a_missing_one_is_told_apart(api: ApiServer) -> None:
    api.put(pod_object())
    client = api.client()
    assert client.get(SHOP)["metadata"]["name"] == "shop"
    with pytest.raises(NotFound, match=r"GET /api/v1/namespaces/default/pods/other: 404 .* not found"):
        client.get("/api/v1/namespaces/default/pods/other")


def test_the_token_is_read_for_each_call(api: ApiServer) -> None:
    api.put(pod_object())
    client = api.client()
    api.token = "second-token"
    with pytest.raises(Denied, match="401 Unauthorized"):
        client.get(SHOP)
    api.access()  # writes the token's file
    client.get(SHOP)


def test_preconditions_that_do_not_hold_are_a_conflict(api: ApiServer) -> None:
    api.put(pod_object())
    with pytest.raises(Conflict, match="409 the precondition does not hold"):
        api.client().delete(SHOP, {"preconditions": {"uid": "another"}})
    with pytest.raises(Conflict):
        api.client().patch(SHOP, {"metadata": {"uid": "another"}}, MERGE_PATCH)
    api.client().delete(SHOP, {"preconditions": {"uid": "uid-of-shop"}})
    assert api.objects == {}


def test_a_watch_tells_what_happens_since_its_version_and_expires(api: ApiServer) -> None:
    api.put(pod_object("before"))
    version = str(api.version)
    api.put(pod_object("after"))
    events = api.client().watch(
        "/api/v1/pods", fieldSelector=f"spec.nodeName={NODE}", watch="true", resourceVersion=version
    )
    first = next(events)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "after")
    timer = threading.Timer(0.1, api.compact)
    timer.start()
    with pytest.raises(Expired, match="410 too old resource version"):
        next(events)
    timer.join()


def test_a_server_that_is_away_is_an_os_error(api: ApiServer) -> None:
    client = api.client()
    closed = client.access._replace(url=client.access.url._replace(netloc="127.0.0.1:1"))
    with pytest.raises(ConnectionRefusedError):
        type(client)(closed).get(SHOP)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Certificate and key in one file, for 127.0.0.1, its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl")
    path = tmp_path / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(tmp_path / "ca.crt")]
    subprocess.run([*command, *names], check=True, capture_output=True, timeout=120)
    path.write_text(path.read_text() + (tmp_path / "ca.crt").read_text())
    return path


def test_only_a_server_of_the_authority_is_talked_to(certificate: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"kind": "Pod"}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    class Server(http.server.HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A refused handshake is what the test wants."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        try:
            url = urlsplit(f"https://127.0.0.1:{server.server_port}")
            authority = (tmp_path / "ca.crt").read_text()
            assert Client(Access(url, authority, ""), 5).get("/") == {"kind": "Pod"}
            with pytest.raises(ssl.SSLCertVerificationError):
                Client(Access(url, "", ""), 5).get("/")
        finally:
            server.shutdown()
            thread.join()
