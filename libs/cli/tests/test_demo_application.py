from __future__ import annotations

import ast
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest

from microgateway_cli.demo_application import Server
from microgateway_common.settings import Address


@pytest.fixture(params=["127.0.0.1", "::1"])
def shop(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    host = request.param
    with Server(Address(host, 0)) as server:
        address = Address(host, server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with httpx.Client(base_url=f"http://{address}") as client:
            yield client
        server.shutdown()
        thread.join()


def test_it_sells(shop: httpx.Client) -> None:
    assert shop.get("/products", params={"q": "MOKA"}).json() == {"products": ["moka pot"]}
    assert shop.post("/orders", json={}).status_code == 201
    assert shop.get("/health").json() == {"status": "ok"}


def test_it_echoes_what_it_saw(shop: httpx.Client) -> None:
    answer = shop.put("/a/b?x=1&y", content=iter([b"ab", b"c"]), headers={"X-One": "1"}).json()
    assert (answer["method"], answer["path"], answer["bytes"]) == ("PUT", "/a/b", 3)
    assert answer["query"] == [["x", "1"], ["y", ""]]
    assert answer["headers"]["x-one"] == "1"


def test_head_has_no_body(shop: httpx.Client) -> None:
    answer = shop.head("/products")
    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 0


def test_a_body_that_is_too_large_is_refused() -> None:
    with Server(Address("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with socket.create_connection(("127.0.0.1", server.server_address[1])) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 413")
        server.shutdown()
        thread.join()


def test_it_needs_the_standard_library_alone() -> None:
    """Its image has no third-party package (Dockerfile, demo-application)."""
    program = "import microgateway_cli.demo_application, sys; print([*sys.modules])"
    imported = subprocess.run([sys.executable, "-Ic", program], capture_output=True, text=True, check=True)
    roots = {each.partition(".")[0] for each in ast.literal_eval(imported.stdout)}
    # What begins with an underscore is of the installation: the hooks of editable installs.
    assert {
        each for each in roots - sys.stdlib_module_names if not each.startswith(("microgateway_", "_"))
    } == set()
