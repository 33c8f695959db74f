from __future__ import annotations

from pathlib import Path

import pytest
from certificates import Authority, Certified, authority
from tls_configurations import client_context, required, shake_hands, side

from microgateway_common.ir.matching import Exact
from microgateway_common.ir.tls import AllowedSan, SanType
from microgateway_engine.tls.identity import NotAccepted
from microgateway_engine.tls.session import TlsSession, established


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority()


@pytest.fixture(scope="module")
def server(ca: Authority) -> Certified:
    return ca.leaf("shop.example")


def test_a_session_is_what_was_agreed_on(ca: Authority, server: Certified, tmp_path: Path) -> None:
    ours = side(server, required(), ca)
    theirs = client_context()
    theirs.set_alpn_protocols(["http/1.1"])
    theirs.load_cert_chain(*ca.leaf("client").files(tmp_path, "client"))

    session = established(ours, shake_hands(ours.context, theirs).server)

    assert isinstance(session, TlsSession)
    assert (session.version, session.version_number) == ("TLSv1.3", "1.3")
    assert (session.application_protocol, session.server_name) == ("http/1.1", "shop.example")
    assert session.client is not None
    assert (session.client.subject, session.server.subject) == ("CN=client", "CN=shop.example")
    assert not session.resumed


def test_what_was_not_said_is_empty(server: Certified) -> None:
    ours = side(server)
    session = established(ours, shake_hands(ours.context, client_context(), None).server)
    assert isinstance(session, TlsSession)
    assert (session.application_protocol, session.server_name, session.client) == ("", "", None)


def test_a_client_with_the_wrong_name_has_no_session(
    ca: Authority, server: Certified, tmp_path: Path
) -> None:
    ours = side(server, required(sans=(AllowedSan(SanType.DNS, Exact("other", False)),)), ca)
    theirs = client_context()
    theirs.load_cert_chain(*ca.leaf("client", "client.example").files(tmp_path, "client"))

    refused = established(ours, shake_hands(ours.context, theirs).server)

    assert refused == NotAccepted("wrong_name", "CN=client has no allowed name")
