"""Real handshakes while the certificate is exchanged."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

import pytest

from microgateway_webhook.certificates.authority import CertificateError, KeyPair, check_pair
from microgateway_webhook.certificates.life import Policy, first
from microgateway_webhook.certificates.tls import Tls

POLICY = Policy(("localhost",))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


@pytest.mark.parametrize("sent_name", ["localhost", None])
async def test_new_connections_see_the_new_certificate_and_old_ones_go_on(sent_name: str | None) -> None:
    old, new = (first(POLICY, datetime.now(UTC)) for _ in range(2))
    tls = Tls(old.serving)
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=tls.context)
    port = server.sockets[0].getsockname()[1]

    async def connect(authority: KeyPair) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context(cadata=authority.certificate.decode())
        context.check_hostname = sent_name is not None
        return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=sent_name or "")

    reader, writer = await connect(old.authority)
    tls.use(new.serving)
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(old.authority)
    _, second = await connect(new.authority)
    writer.write(b"still here\n")
    assert await reader.readline() == b"still here\n"
    for each in (writer, second):
        each.close()
    server.close()


async def test_what_is_no_certificate_is_refused_and_the_former_stays() -> None:
    state = first(POLICY, datetime.now(UTC))
    tls = Tls(state.serving)
    with pytest.raises(ssl.SSLError):
        tls.use(KeyPair(b"nonsense", state.serving.key))


def test_a_pair_belongs_together() -> None:
    one, other = (first(POLICY, datetime.now(UTC)).serving for _ in range(2))
    check_pair(one)
    with pytest.raises(CertificateError, match="got those of two"):
        check_pair(KeyPair(one.certificate, other.key))
