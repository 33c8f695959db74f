from __future__ import annotations

import ssl
import warnings
from pathlib import Path

import pytest
from certificates import Authority, Certified, authority, self_signed
from tls_configurations import (
    CA,
    CRL,
    IGNORED,
    KEY,
    MODERN,
    client_context,
    materials,
    required,
    server_tls,
    shake_hands,
    side,
)

from microgateway_common.ir.gateway import AutoProtocol, Http1Protocol
from microgateway_common.ir.tls import (
    ClientTls,
    CrlScope,
    Pins,
    RequiredClientCertificate,
    TlsProtocol,
    TlsVersion,
)
from microgateway_engine.tls.context import client_side, requested_name, server_side

AUTO = AutoProtocol(allow_connect=False)


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority()


@pytest.fixture(scope="module")
def server(ca: Authority) -> Certified:
    return ca.leaf("shop.example", "shop.example")


def presenting(client: Certified, folder: Path) -> ssl.SSLContext:
    context = client_context()
    context.load_cert_chain(*client.files(folder, "client"))
    return context


def test_a_client_that_trusts_the_authority_is_served(ca: Authority, server: Certified) -> None:
    shaken = shake_hands(side(server).context, client_context(ca))

    assert shaken.client.version() == "TLSv1.3"
    assert shaken.client.getpeercert(binary_form=True) == server.der
    assert requested_name(shaken.server) == "shop.example"


@pytest.mark.parametrize(
    ("minimum", "maximum", "version", "fits"),
    [
        (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3, ssl.TLSVersion.TLSv1_2, True),
        (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3, ssl.TLSVersion.TLSv1_1, False),
        (TlsVersion.TLS_1_3, TlsVersion.TLS_1_3, ssl.TLSVersion.TLSv1_2, False),
        (TlsVersion.TLS_1_2, TlsVersion.TLS_1_2, ssl.TLSVersion.TLSv1_3, False),
        (TlsVersion.TLS_1_0, TlsVersion.TLS_1_3, ssl.TLSVersion.TLSv1, True),
    ],
)
def test_only_versions_of_the_configuration_are_spoken(
    server: Certified, minimum: TlsVersion, maximum: TlsVersion, version: ssl.TLSVersion, fits: bool
) -> None:
    ours = side(server, protocol=TlsProtocol(minimum, maximum, ())).context
    theirs = client_context()
    theirs.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        theirs.maximum_version = theirs.minimum_version = version
    if fits:
        shake_hands(ours, theirs)
    else:
        with pytest.raises(ssl.SSLError):
            shake_hands(ours, theirs)


def test_only_cipher_suites_of_the_configuration_are_spoken(server: Certified) -> None:
    suite = "ECDHE-ECDSA-CHACHA20-POLY1305"
    ours = side(server, protocol=TlsProtocol(TlsVersion.TLS_1_2, TlsVersion.TLS_1_2, (suite,))).context
    shaken = shake_hands(ours, client_context())
    cipher = shaken.server.cipher()
    assert cipher is not None
    assert cipher[0] == suite

    theirs = client_context()
    theirs.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        shake_hands(ours, theirs)


def test_a_client_without_certificate_is_refused_where_one_is_required(
    ca: Authority, server: Certified
) -> None:
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        shake_hands(side(server, required(), ca).context, client_context())


def test_a_client_of_the_authority_is_accepted(ca: Authority, server: Certified, tmp_path: Path) -> None:
    shake_hands(side(server, required(), ca).context, presenting(ca.leaf("client"), tmp_path))


@pytest.mark.parametrize("client", [authority("Other CA").leaf("client"), self_signed("client")])
def test_a_client_of_another_authority_is_refused(
    ca: Authority, server: Certified, client: Certified, tmp_path: Path
) -> None:
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        shake_hands(side(server, required(), ca).context, presenting(client, tmp_path))


@pytest.mark.parametrize(("depth", "fits"), [(0, False), (1, False), (2, True)])
def test_chains_are_as_deep_as_the_configuration_allows(
    ca: Authority, server: Certified, tmp_path: Path, depth: int, fits: bool
) -> None:
    client = ca.intermediate("Region").intermediate("Branch").leaf("client")
    ours = side(server, required(depth=depth), ca).context
    if fits:
        shake_hands(ours, presenting(client, tmp_path))
    else:
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            shake_hands(ours, presenting(client, tmp_path))


def test_without_intermediates_depth_zero_is_enough(ca: Authority, server: Certified, tmp_path: Path) -> None:
    shake_hands(side(server, required(depth=0), ca).context, presenting(ca.leaf("client"), tmp_path))


def test_an_intermediate_authority_can_be_trusted_by_itself(
    ca: Authority, server: Certified, tmp_path: Path
) -> None:
    branch = ca.intermediate("Branch")
    ours = side(server, required(depth=0), branch).context
    shake_hands(ours, presenting(branch.leaf("client"), tmp_path))
    with pytest.raises(ssl.SSLError):
        shake_hands(ours, presenting(ca.leaf("client"), tmp_path))


def test_revoked_clients_are_refused(ca: Authority, server: Certified, tmp_path: Path) -> None:
    good, bad = ca.leaf("good"), ca.leaf("bad")
    for scope in CrlScope:
        ours = side(server, required(crl=scope), ca, ca.revoke(bad)).context
        shake_hands(ours, presenting(good, tmp_path))
        with pytest.raises(ssl.SSLError, match="revoked"):
            shake_hands(ours, presenting(bad, tmp_path))


def test_a_revoked_authority_matters_when_the_chain_is_verified(
    ca: Authority, server: Certified, tmp_path: Path
) -> None:
    branch = ca.intermediate("Branch")
    lists = ca.revoke(branch) + branch.revoke()
    client = presenting(branch.leaf("client"), tmp_path)
    shake_hands(side(server, required(crl=CrlScope.LEAF), ca, lists).context, client)
    with pytest.raises(ssl.SSLError, match="revoked"):
        shake_hands(side(server, required(crl=CrlScope.CHAIN), ca, lists).context, client)


def test_without_a_list_of_its_issuer_a_client_is_refused(
    ca: Authority, server: Certified, tmp_path: Path
) -> None:
    other = authority("Other CA")
    ours = side(server, required(crl=CrlScope.LEAF), ca, other.revoke()).context
    with pytest.raises(ssl.SSLError, match="unable to get certificate CRL"):
        shake_hands(ours, presenting(ca.leaf("client"), tmp_path))


def test_with_pins_alone_the_issuer_does_not_matter_but_a_certificate_does(
    server: Certified, tmp_path: Path
) -> None:
    client = self_signed("client")
    ours = side(server, required(any_chain=True, pins=Pins((bytes(32),), ()))).context

    shaken = shake_hands(ours, presenting(client, tmp_path))
    assert shaken.server.getpeercert(binary_form=True) == client.der
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        shake_hands(ours, client_context())


@pytest.mark.parametrize(
    ("client", "missing", "message"),
    [
        (None, KEY, "expected secret 'shop/tls:tls.key', got none"),
        (required(), CA, "expected secret 'shop/ca:ca.crt', got none"),
        (required(crl=CrlScope.LEAF), CRL, "expected secret 'shop/ca:ca.crl', got none"),
        (required(any_chain=True), "", "expected authorities or pinned certificates of clients, got neither"),
    ],
)
def test_what_is_missing_is_named(
    ca: Authority, server: Certified, client: RequiredClientCertificate | None, missing: str, message: str
) -> None:
    found = materials(server, ca, ca.revoke())
    found.pop(missing, None)
    with pytest.raises(ValueError, match=message):
        server_side(server_tls(client) if client else server_tls(), AUTO, found)


def test_materials_never_stand_in_an_error(ca: Authority, server: Certified) -> None:
    wrong = {**materials(server, ca), KEY: ca.key_pem}
    with pytest.raises(ValueError, match=r"usable certificate shop/tls:tls\.crt with its key") as error:
        server_side(server_tls(), AUTO, wrong)
    assert "BEGIN" not in str(error.value)
    with pytest.raises(ValueError, match=r"authorities of client certificates in shop/ca:ca\.crt"):
        server_side(server_tls(required()), AUTO, {**materials(server), CA: b"garbage"})


def test_no_file_stays_open(ca: Authority, server: Certified) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    side(server, required(crl=CrlScope.LEAF), ca, ca.revoke())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_admission_changes_with_who_is_admitted_only(ca: Authority, server: Certified) -> None:
    renewed = ca.leaf("shop.example", "shop.example")
    before = side(server, required(), ca)
    assert side(renewed, required(), ca).admission == before.admission
    assert side(server, required(depth=2), ca).admission != before.admission
    assert side(server, required(), authority("Other CA")).admission != before.admission
    assert side(server).admission != before.admission


def test_applications_are_not_verified(server: Certified) -> None:
    ours = client_side(ClientTls(MODERN), Http1Protocol())
    assert ours == client_side(ClientTls(MODERN), Http1Protocol()) != client_side(ClientTls(MODERN), AUTO)
    shaken = shake_hands(side(server).context, ours.context, None)
    assert shaken.client.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("version", [TlsVersion.TLS_1_2, TlsVersion.TLS_1_3])
@pytest.mark.parametrize("asked", [False, True])
def test_sessions_are_resumed_where_clients_are_not_asked_who_they_are(
    ca: Authority, server: Certified, tmp_path: Path, version: TlsVersion, asked: bool
) -> None:
    protocol = TlsProtocol(version, version, ())
    ours = side(server, required() if asked else IGNORED, ca, protocol=protocol).context
    theirs = presenting(ca.leaf("client"), tmp_path)
    theirs.options |= ssl.OP_NO_TICKET if version is TlsVersion.TLS_1_2 else 0

    first = shake_hands(ours, theirs)
    with pytest.raises(ssl.SSLWantReadError):
        first.client.read()  # tickets of TLS 1.3 come with the data
    again = shake_hands(ours, theirs, session=first.client.session)

    assert again.server.session_reused is (not asked)
