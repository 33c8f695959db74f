from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_cni.plugin.errors import CniError, Code
from microgateway_cni.plugin.request import (
    NEWEST,
    VERSIONS,
    Add,
    Attachment,
    Check,
    Delete,
    GarbageCollect,
    Status,
    Version,
    parse,
    version_of,
)

ENVIRONMENT = {
    "CNI_CONTAINERID": "c0ffee",
    "CNI_NETNS": "/run/netns/pod",
    "CNI_IFNAME": "eth0",
    "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=shop",
}
ATTACHMENT = Attachment(
    "c0ffee", "eth0", {"IgnoreUnknown": "1", "K8S_POD_NAMESPACE": "default", "K8S_POD_NAME": "shop"}
)


def configuration(version: str = "1.1.0", **fields: object) -> bytes:
    return json.dumps({"cniVersion": version, "name": "net", "type": "microgateway-cni", **fields}).encode()


@pytest.mark.parametrize("version", VERSIONS)
def test_add_and_del_in_every_version(version: str) -> None:
    raw = configuration(version, prevResult={"ips": []})
    decoded = json.loads(raw)
    assert parse({**ENVIRONMENT, "CNI_COMMAND": "ADD"}, raw) == Add(
        decoded, ATTACHMENT, Path("/run/netns/pod")
    )
    assert parse({**ENVIRONMENT, "CNI_COMMAND": "DEL"}, raw) == Delete(
        decoded, ATTACHMENT, Path("/run/netns/pod")
    )


def test_del_needs_no_namespace() -> None:
    request = parse({**ENVIRONMENT, "CNI_COMMAND": "DEL", "CNI_NETNS": ""}, configuration())
    assert isinstance(request, Delete)
    assert request.namespace is None


def test_version_needs_nothing() -> None:
    assert parse({"CNI_COMMAND": "VERSION"}, b"") == Version()


def test_gc_and_status_need_no_container() -> None:
    assert isinstance(parse({"CNI_COMMAND": "GC"}, configuration()), GarbageCollect)
    assert isinstance(parse({"CNI_COMMAND": "STATUS"}, configuration()), Status)


@pytest.mark.parametrize(
    ("command", "version", "needs"),
    [("CHECK", "0.3.1", "0.4.0"), ("GC", "1.0.0", "1.1.0"), ("STATUS", "1.0.0", "1.1.0")],
)
def test_operations_of_later_versions_are_refused(command: str, version: str, needs: str) -> None:
    with pytest.raises(CniError, match=f"{command} needs cniVersion {needs} or newer") as error:
        parse({**ENVIRONMENT, "CNI_COMMAND": command}, configuration(version))
    assert error.value.code is Code.INCOMPATIBLE_VERSION


def test_check_needs_the_result_of_add() -> None:
    environment = {**ENVIRONMENT, "CNI_COMMAND": "CHECK"}
    assert isinstance(parse(environment, configuration(prevResult={})), Check)
    with pytest.raises(CniError, match="prevResult: CHECK needs that of ADD") as error:
        parse(environment, configuration())
    assert error.value.code is Code.INVALID_CONFIGURATION


@pytest.mark.parametrize(
    ("stdin", "code"),
    [
        (b"", Code.UNDECODABLE),
        (b"{", Code.UNDECODABLE),
        (b"[]", Code.UNDECODABLE),
        (b"\xff\xfe", Code.UNDECODABLE),
        (b"[" * 100_000, Code.UNDECODABLE),
        (b"{}", Code.INCOMPATIBLE_VERSION),
        (b'{"cniVersion": 1}', Code.INCOMPATIBLE_VERSION),
        (b'{"cniVersion": ["1.0.0"]}', Code.INCOMPATIBLE_VERSION),
        (b'{"cniVersion": "0.2.0"}', Code.INCOMPATIBLE_VERSION),
        (b'{"cniVersion": "2.0.0"}', Code.INCOMPATIBLE_VERSION),
        (b'{"cniVersion": "1.0.0", "prevResult": []}', Code.INVALID_CONFIGURATION),
    ],
)
def test_bad_input_has_its_code(stdin: bytes, code: Code) -> None:
    with pytest.raises(CniError) as error:
        parse({**ENVIRONMENT, "CNI_COMMAND": "ADD"}, stdin)
    assert error.value.code is code
    assert error.value.to_object(version_of(stdin))["code"] == int(code)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"CNI_COMMAND": "add"}, "CNI_COMMAND: expected ADD, .*: got 'add'"),
        ({"CNI_COMMAND": ""}, "CNI_COMMAND: expected"),
        ({"CNI_CONTAINERID": ""}, "CNI_CONTAINERID: expected"),
        ({"CNI_CONTAINERID": "-x"}, "CNI_CONTAINERID: expected"),
        ({"CNI_CONTAINERID": "a/b"}, "CNI_CONTAINERID: expected"),
        ({"CNI_NETNS": ""}, "CNI_NETNS: expected the path"),
        ({"CNI_IFNAME": ""}, "CNI_IFNAME: expected"),
        ({"CNI_IFNAME": "a/b"}, "CNI_IFNAME: expected"),
        ({"CNI_IFNAME": ".."}, "CNI_IFNAME: expected"),
        ({"CNI_IFNAME": "sixteen-letters1"}, "CNI_IFNAME: expected"),
        ({"CNI_ARGS": "K8S_POD_NAME"}, "CNI_ARGS: expected KEY=VALUE"),
    ],
)
def test_a_bad_environment_names_the_variable(changed: dict[str, str], message: str) -> None:
    with pytest.raises(CniError, match=message) as error:
        parse({**ENVIRONMENT, "CNI_COMMAND": "ADD", **changed}, configuration())
    assert error.value.code is Code.INVALID_ENVIRONMENT


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(["CNI_COMMAND", *ENVIRONMENT]), st.text()))
def test_whatever_comes_is_a_request_or_an_error_object(stdin: bytes, environment: dict[str, str]) -> None:
    with contextlib.suppress(CniError):
        parse(environment, stdin)
    assert version_of(stdin) in VERSIONS


def test_an_answer_has_the_version_of_the_input_where_we_speak_it() -> None:
    assert version_of(configuration("0.4.0")) == "0.4.0"
    assert [version_of(raw) for raw in (b"", b"[]", b'{"cniVersion": "9"}')] == [NEWEST] * 3
