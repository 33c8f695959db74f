"""What the golden cases `tls` and `tls-bad` do not show."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from certificates import DAY, Authority, Certified, authority, pem

from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.tls import Cleartext, ServerTls, TlsVersion
from microgateway_common.names import GatewayKey
from microgateway_common.problems import ObjectRef, Severity
from microgateway_compiler.compile.ciphers import CIPHERS, OLD_ONLY
from microgateway_compiler.compile.gateway import Compiled
from microgateway_compiler.pipeline import Pipeline

SHOP = GatewayKey("shop/shop")
CA: Authority = authority()
SERVER: Certified = CA.leaf("shop.example")


def gateway(*applications: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "microgateway.airlock.com/v1alpha1",
        "kind": "SidecarGateway",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {
            "applications": [{"containerPort": 8080 + at, **each} for at, each in enumerate(applications)]
        },
    }


def downstream(**tls: Any) -> dict[str, Any]:
    return {"downstream": {"tls": {"enable": True, "secretRef": {"name": "tls"}, **tls}}}


def secret(name: str, **entries: bytes) -> dict[str, Any]:
    data = {key.replace("_", "."): value.decode() for key, value in entries.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "shop"},
        "stringData": data,
    }


TLS_SECRET = secret("tls", tls_crt=SERVER.pem, tls_key=SERVER.key_pem)


def compiled(*documents: dict[str, Any]) -> tuple[GatewayConfig | None, list[str]]:
    pipeline = Pipeline()
    for document in documents:
        pipeline.replace_object(document)
    outcome = pipeline.changes().outcomes[SHOP]
    problems = [str(problem) for problem in outcome.problems]
    match outcome.configuration:
        case Compiled(config):
            return config, problems
        case _:
            return None, problems


def server_tls(config: GatewayConfig | None) -> ServerTls:
    assert config is not None
    tls = config.applications[0].downstream.tls
    assert isinstance(tls, ServerTls)
    return tls


def test_a_gateway_without_its_secret_is_never_cleartext() -> None:
    config, problems = compiled(gateway(downstream()))
    assert config is None
    [problem] = problems
    assert problem.endswith("tls.secretRef.name: expected a Secret named tls in namespace shop, got none")


def test_a_secret_that_comes_renews_or_goes_is_noticed() -> None:
    pipeline = Pipeline()
    pipeline.replace_object(gateway(downstream()))
    pipeline.changes()
    assert pipeline.secrets() == {ObjectRef("Secret", "shop", "tls")}

    pipeline.replace_object(TLS_SECRET)
    first = pipeline.changes().outcomes[SHOP].configuration
    renewed = CA.leaf("shop.example")
    pipeline.replace_object(secret("tls", tls_crt=renewed.pem, tls_key=renewed.key_pem))
    second = pipeline.changes().outcomes[SHOP].configuration
    assert isinstance(first, Compiled)
    assert isinstance(second, Compiled)
    assert first.config.secrets["shop/tls:tls.crt"] == SERVER.pem
    assert second.config.secrets["shop/tls:tls.crt"] == renewed.pem
    assert first.digest != second.digest

    pipeline.remove_object(ObjectRef("Secret", "shop", "tls"))
    assert not isinstance(pipeline.changes().outcomes[SHOP].configuration, Compiled)


def test_secrets_that_no_gateway_refers_to_change_nothing() -> None:
    pipeline = Pipeline()
    pipeline.replace_object(gateway({}))
    pipeline.changes()
    pipeline.replace_object(secret("other", tls_key=SERVER.key_pem))
    assert pipeline.changes().outcomes == {}
    assert pipeline.secrets() == frozenset()


def test_what_is_not_enabled_refers_to_nothing() -> None:
    config, problems = compiled(gateway({"downstream": {"tls": {"secretRef": {"name": "absent"}}}}))
    assert problems == []
    assert config is not None
    assert config.applications[0].downstream.tls == Cleartext()


def test_secrets_stand_in_no_representation_and_no_problem() -> None:
    config, problems = compiled(gateway(downstream()), TLS_SECRET)
    assert problems == []
    key = SERVER.key_pem.decode().splitlines()[1]
    assert key not in repr(config)
    assert config is not None
    assert config.secrets["shop/tls:tls.key"] == SERVER.key_pem
    assert config.without_secrets().secrets == {"shop/tls:tls.crt": b"", "shop/tls:tls.key": b""}

    _, problems = compiled(gateway(downstream()), secret("tls", tls_crt=SERVER.key_pem, tls_key=SERVER.pem))
    assert len(problems) == 2
    assert not any(key in problem for problem in problems)


def test_versions_have_defaults_that_fit_each_other() -> None:
    config, _ = compiled(gateway(downstream()), TLS_SECRET)
    protocol = server_tls(config).protocol
    assert (protocol.minimum, protocol.maximum) == (TlsVersion.TLS_1_2, TlsVersion.TLS_1_3)

    config, problems = compiled(gateway(downstream(protocol={"maximum": "TLSv1_1"})), TLS_SECRET)
    protocol = server_tls(config).protocol
    assert (protocol.minimum, protocol.maximum) == (TlsVersion.TLS_1_1, TlsVersion.TLS_1_1)
    assert [problem.partition(": expected ")[2] for problem in problems] == [
        "TLSv1_2 or newer (RFC 8996), got TLSv1_1"
    ]


def test_old_versions_need_an_old_cipher_suite() -> None:
    old = {"maximum": "TLSv1_1"}
    config, problems = compiled(
        gateway(downstream(protocol=old, ciphers=["ECDHE-ECDSA-AES128-GCM-SHA256"])), TLS_SECRET
    )
    assert config is None
    assert problems[-1].endswith("ciphers: expected a cipher suite of TLSv1_1, got none")
    config, _ = compiled(gateway(downstream(protocol=old, ciphers=["ECDHE-ECDSA-AES128-SHA"])), TLS_SECRET)
    assert config is not None


def test_pins_without_authority_are_enough_and_names_are_not() -> None:
    pins = {"allowedHashes": ["ab" * 32]}
    config, problems = compiled(
        gateway(downstream(clientCertificate={"required": {"certificatePinning": pins}})), TLS_SECRET
    )
    assert problems == []
    assert config is not None
    config, problems = compiled(
        gateway(downstream(clientCertificate={"required": {"certificatePinning": {}}})), TLS_SECRET
    )
    assert config is None
    assert problems[0].endswith(
        "certificatePinning: expected allowedHashes, allowedSPKIs or both, got neither"
    )


def test_an_expired_authority_is_a_warning() -> None:
    old = CA.leaf("old", begins=-2 * DAY, ends=-DAY)
    client = {"optional": {"trustedCA": {"certificates": [{"secretRef": {"name": "ca"}}]}}}
    pipeline = Pipeline()
    for document in (gateway(downstream(clientCertificate=client)), TLS_SECRET, secret("ca", ca_crt=old.pem)):
        pipeline.replace_object(document)
    outcome = pipeline.changes().outcomes[SHOP]
    assert isinstance(outcome.configuration, Compiled)
    assert {problem.severity for problem in outcome.problems} == {Severity.WARNING}


def test_the_upstream_side_needs_no_secret() -> None:
    config, problems = compiled(gateway({"upstream": {"tls": {"enable": True}}}))
    assert problems == []
    assert config is not None
    assert not isinstance(config.applications[0].upstream.tls, Cleartext)
    assert config.secrets == {}


def test_materials_are_those_that_are_used() -> None:
    client = {"optional": {"trustedCA": {"certificates": [{"secretRef": {"name": "ca"}}]}}}
    extra = secret("ca", ca_crt=pem(CA.certificate), ca_key=CA.key_pem)
    config, _ = compiled(gateway(downstream(clientCertificate=client)), TLS_SECRET, extra)
    assert config is not None
    assert set(config.secrets) == {"shop/tls:tls.crt", "shop/tls:tls.key", "shop/ca:ca.crt"}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1"])
def test_cipher_suites_are_those_of_openssl(version: str) -> None:
    wanted = "ALL:COMPLEMENTOFALL:!PSK:!SRP:!aNULL:!eNULL:!aDSS:@SECLEVEL=0"
    output = subprocess.run(
        ["openssl", "ciphers", "-s", version, wanted], capture_output=True, text=True, check=True
    ).stdout
    known = {name for name in output.strip().split(":") if not name.startswith("TLS_")}
    assert (CIPHERS if version == "-tls1_2" else OLD_ONLY) == known


def test_a_secret_whose_values_are_withheld_is_taken_by_its_names() -> None:
    pipeline = Pipeline()
    pipeline.replace_object(gateway(downstream()))
    ref = ObjectRef("Secret", "shop", "tls")
    pipeline.replace_secret(ref, ["tls.crt", "tls.key"])
    outcome = pipeline.changes().outcomes[SHOP]
    assert isinstance(outcome.configuration, Compiled)
    assert outcome.configuration.config.secrets == {"shop/tls:tls.crt": b"", "shop/tls:tls.key": b""}

    pipeline.replace_secret(ref, ["tls.crt"])
    (problem,) = pipeline.changes().outcomes[SHOP].problems
    assert (problem.subject, problem.expected) == (ref, "an entry tls.key")


def test_no_manifest_can_withhold_its_values() -> None:
    hidden = secret("tls", tls_crt=b"", tls_key=b"")
    hidden |= {"withheld": True}
    hidden["metadata"] |= {"withheld": True, "annotations": {"withheld": "true"}}
    config, problems = compiled(gateway(downstream()), hidden)
    assert config is None
    assert len(problems) == 2
