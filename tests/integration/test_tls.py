"""Certificates from manifests: renewed under load, broken, and gone."""

from __future__ import annotations

import asyncio
import base64
import functools
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from certificates import Authority, Certified, authority, pem
from chain import Chain, eventually
from load import closed_at_the_end

pytestmark = pytest.mark.slow

RENEWALS = 30

#: Continues an item of `applications`.
TLS = """
      downstream:
        tls:
          enable: true
          secretRef: {name: shop-tls}
"""

SECRET = """\
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {{name: shop-tls, namespace: shop}}
data:
  tls.crt: {chain}
  tls.key: {key}
"""


def save(chain: Chain, server: Certified, key: bytes | None = None) -> None:
    encoded = [base64.b64encode(each).decode() for each in (server.pem, key or server.key_pem)]
    chain.write("tls-secret.yaml", SECRET.format(chain=encoded[0], key=encoded[1]))


def speak_tls(chain: Chain) -> None:
    gateway = next(chain.manifests.glob("*gateway*.yaml"))
    text = gateway.read_text()
    assert "containerPort: 8080\n" in text
    gateway.write_text(text.replace("containerPort: 8080\n", f"containerPort: 8080{TLS}", 1))


def seen(chain: Chain) -> str | None:
    """The certificate that the engine shows; None when it speaks no TLS."""
    try:
        return ssl.get_server_certificate(("127.0.0.1", chain.port), timeout=5)
    except (OSError, TimeoutError):
        return None


def shows(chain: Chain, server: Certified) -> bool:
    return seen(chain) == pem(server.certificate).decode()


class Clients:
    """Threads of clients: some keep their connection, others open one for each request."""

    def __init__(self, port: int, ca: Authority) -> None:
        self._port = port
        self._context = ssl.create_default_context(cadata=pem(ca.certificate).decode())
        self._stop = threading.Event()
        self.answered = 0
        self.failures: list[str] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(10)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(self._client(keeps=number % 2 == 0))

    async def _client(self, *, keeps: bool) -> None:
        try:
            while not self._stop.is_set():
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self._port, ssl=self._context, server_hostname="shop.example"
                )
                async with closed_at_the_end(writer):
                    await self._ask(reader, writer)
                    while keeps and not self._stop.is_set():
                        await self._ask(reader, writer)
        except (OSError, EOFError, AssertionError) as error:
            self.failures.append(repr(error))

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /products HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        self.answered += 1


def test_renewed_certificates_are_used_and_no_request_fails(chain: Chain) -> None:
    ca = authority()
    first = ca.leaf("shop.example", "shop.example")
    save(chain, first)
    speak_tls(chain)
    eventually(lambda: shows(chain, first), "the certificate to be shown")

    clients = Clients(chain.port, ca)
    with clients.running():
        for _ in range(RENEWALS):
            renewed = ca.leaf("shop.example", "shop.example")
            save(chain, renewed)
            eventually(functools.partial(shows, chain, renewed), "the renewed certificate to be shown")
    assert clients.failures == []
    assert clients.answered > RENEWALS

    secrets = (first.key_pem, renewed.key_pem)
    lines = [key.splitlines()[1].decode() for key in secrets]
    for service in chain.services:
        assert not any(line in service.log.read_text() for line in lines)


def test_a_broken_or_missing_secret_changes_nothing_and_says_why(chain: Chain) -> None:
    ca = authority()
    server, other = (ca.leaf("shop.example", "shop.example") for _ in range(2))
    save(chain, server)
    speak_tls(chain)
    eventually(lambda: shows(chain, server), "the certificate to be shown")

    save(chain, server, other.key_pem)
    eventually(
        lambda: any(
            "the private key of the first certificate" in each for each in chain.reconciler.messages()
        ),
        "the problem to be reported",
    )
    assert shows(chain, server)
    (chain.manifests / "tls-secret.yaml").unlink()
    eventually(
        lambda: any("a Secret named shop-tls" in each for each in chain.reconciler.messages()),
        "the problem to be reported",
    )
    assert shows(chain, server)
    assert chain.is_ready()
