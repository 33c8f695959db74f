"""The installer against a node's directories in a temporary root."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from microgateway_cni.agent.install.installer import (
    Chained,
    Installer,
    Manual,
    Mode,
    NodePaths,
    NotInstalled,
    Standalone,
)
from microgateway_cni.kube.access import Access, from_kubeconfig

ENTRY = {"type": "microgateway-cni"}
PRIMARY = b'{ "cniVersion": "1.0.0", "name": "net",\n  "plugins": [ {"type": "bridge"} ] }'


class Node:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.net = root / "node/etc/cni/net.d"
        self.bin = root / "node/opt/cni/bin"
        self.net.mkdir(parents=True)
        self.bin.mkdir(parents=True)
        (root / "plugin").write_bytes(b"#!/bin/sh\n")
        (root / "token").write_text("first")

    def installer(self, mode: Mode) -> Installer:
        access = Access(urlsplit("https://10.96.0.1:443"), "PEM", str(self.root / "token"))
        return Installer(mode, NodePaths(self.root / "node"), self.root / "plugin", access, ENTRY)

    def types(self, name: str) -> list[str]:
        return [plugin["type"] for plugin in json.loads((self.net / name).read_bytes())["plugins"]]

    def names(self) -> list[str]:
        return sorted(path.name for path in self.net.iterdir())

    def picture(self) -> dict[str, str]:
        """Everything below the node's root, by content and mode."""
        return {
            str(path.relative_to(self.root)): f"{path.stat().st_mode:o} "
            + (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
            for path in sorted((self.root / "node").rglob("*"))
        }


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.mark.parametrize("mode", [Chained(), Standalone(), Manual()])
def test_a_node_is_set_up_once_and_given_back_byte_for_byte(node: Node, mode: Mode) -> None:
    (node.net / "10-net.conflist").write_bytes(PRIMARY)
    (node.net / "10-net.conflist").chmod(0o640)
    (node.bin / "bridge").write_bytes(b"the primary's")
    before = node.picture()
    installer = node.installer(mode)
    assert installer.ensure()[:3] == ["executable", "token", "kubeconfig"]
    assert installer.ensure() == []
    assert node.picture() != before
    installer.restore()
    assert node.picture() == before
    installer.restore()
    assert node.picture() == before


def test_chained_into_the_first_of_two_lists(node: Node) -> None:
    (node.net / "20-second.conflist").write_bytes(PRIMARY)
    (node.net / "10-first.conflist").write_bytes(PRIMARY)
    node.installer(Chained()).ensure()
    assert node.types("10-first.conflist") == ["bridge", "microgateway-cni"]
    assert (node.net / "20-second.conflist").read_bytes() == PRIMARY


def test_chained_into_the_list_that_is_named(node: Node) -> None:
    for name in ("10-first.conflist", "20-second.conflist"):
        (node.net / name).write_bytes(PRIMARY)
    node.installer(Chained("20-second.conflist")).ensure()
    assert (node.net / "10-first.conflist").read_bytes() == PRIMARY
    assert node.types("20-second.conflist") == ["bridge", "microgateway-cni"]


def test_a_list_that_comes_first_later_takes_the_chain(node: Node) -> None:
    (node.net / "20-second.conflist").write_bytes(PRIMARY)
    installer = node.installer(Chained())
    installer.ensure()
    (node.net / "10-first.conflist").write_bytes(PRIMARY)
    assert installer.ensure() == ["10-first.conflist", "20-second.conflist restored"]
    assert (node.net / "20-second.conflist").read_bytes() == PRIMARY


def test_a_primary_that_rewrites_its_file_is_chained_again(node: Node) -> None:
    (node.net / "10-net.conflist").write_bytes(PRIMARY)
    installer = node.installer(Chained())
    installer.ensure()
    newer = PRIMARY.replace(b"bridge", b"calico")
    (node.net / "10-net.conflist").write_bytes(newer)
    assert installer.ensure() == ["10-net.conflist"]
    assert node.types("10-net.conflist") == ["calico", "microgateway-cni"]
    installer.restore()
    assert (node.net / "10-net.conflist").read_bytes() == newer


def test_a_single_plugin_is_wrapped_by_a_list_before_it(node: Node) -> None:
    primary = b'{"cniVersion": "0.4.0", "name": "net", "type": "flannel"}'
    (node.net / "00-multus.conf").write_bytes(primary)
    before = node.picture()
    installer = node.installer(Chained())
    installer.ensure()
    assert installer.ensure() == []
    first = min(name for name in node.names() if name.endswith((".conf", ".conflist")))
    assert node.types(first) == ["flannel", "microgateway-cni"]
    (node.net / "00-multus.conf").write_bytes(primary.replace(b"flannel", b"weave"))
    assert installer.ensure() == [first]
    assert node.types(first) == ["weave", "microgateway-cni"]
    (node.net / "00-multus.conf").write_bytes(primary)
    installer.restore()
    assert node.picture() == before


def test_a_wrapper_goes_when_a_list_takes_its_place(node: Node) -> None:
    (node.net / "10-net.conf").write_bytes(b'{"cniVersion": "0.4.0", "name": "net", "type": "flannel"}')
    installer = node.installer(Chained())
    installer.ensure()
    (node.net / "10-net.conf").unlink()
    (node.net / "10-net.conflist").write_bytes(PRIMARY)
    installer.ensure()
    assert node.names() == ["10-net.conflist", "microgateway-cni.d"]


def test_without_a_primary_the_node_is_not_set_up(node: Node) -> None:
    installer = node.installer(Chained())
    with pytest.raises(
        NotInstalled, match="expected a network configuration of the primary plugin, got none"
    ):
        installer.ensure()
    (node.net / "10-net.conflist").write_bytes(PRIMARY)
    assert installer.ensure() == ["10-net.conflist"]


@pytest.mark.parametrize("existing", [b"", PRIMARY[:30], b"{}"])
def test_a_primary_half_written_is_left_alone(node: Node, existing: bytes) -> None:
    (node.net / "10-net.conflist").write_bytes(existing)
    with pytest.raises(NotInstalled, match=r"10-net\.conflist: "):
        node.installer(Chained()).ensure()
    assert (node.net / "10-net.conflist").read_bytes() == existing


def test_a_replaced_token_is_copied_and_the_kubeconfig_points_to_it(node: Node) -> None:
    installer = node.installer(Manual())
    installer.ensure()
    own = node.net / "microgateway-cni.d"
    access = from_kubeconfig(own / "kubeconfig")
    assert access.url.geturl() == "https://10.96.0.1:443"
    assert access.authority == "PEM"
    assert access.token_file == "/etc/cni/net.d/microgateway-cni.d/token"
    (node.root / "token").write_text("second")
    assert installer.ensure() == ["token"]
    assert (own / "token").read_text() == "second"
    assert (own / "token").stat().st_mode & 0o777 == 0o600


def test_drift_of_each_part_is_put_right(node: Node) -> None:
    (node.net / "10-net.conflist").write_bytes(PRIMARY)
    installer = node.installer(Chained())
    installer.ensure()
    (node.bin / "microgateway-cni").unlink()
    assert installer.ensure() == ["executable"]
    (node.bin / "microgateway-cni").chmod(0o644)
    assert installer.ensure() == ["executable"]
    (node.net / "microgateway-cni.d" / "kubeconfig").write_text("{}")
    assert installer.ensure() == ["kubeconfig"]


def test_an_upgrade_replaces_executable_and_entry(node: Node) -> None:
    (node.net / "10-net.conflist").write_bytes(PRIMARY)
    node.installer(Chained()).ensure()
    (node.root / "plugin").write_bytes(b"#!/bin/sh\n# newer\n")
    newer = replace(node.installer(Chained()), entry={**ENTRY, "logLevel": "debug"})
    assert newer.ensure() == ["executable", "10-net.conflist"]
    assert json.loads((node.net / "10-net.conflist").read_bytes())["plugins"][1]["logLevel"] == "debug"
    newer.restore()
    assert (node.net / "10-net.conflist").read_bytes() == PRIMARY


def test_what_a_crash_left_is_swept(node: Node) -> None:
    (node.net / "10-net.conflist").write_bytes(PRIMARY)
    (node.net / ".microgateway-cni.abc.new").write_bytes(PRIMARY[:20])
    node.installer(Chained()).ensure()
    assert node.names() == ["10-net.conflist", "microgateway-cni.d"]


def test_standalone_writes_a_list_of_ours_alone(node: Node) -> None:
    node.installer(Standalone("microgateway.conflist")).ensure()
    assert node.types("microgateway.conflist") == ["microgateway-cni"]


def test_a_single_plugin_that_would_still_come_first_is_named(node: Node) -> None:
    (node.net / "00-0.conf").write_bytes(b'{"cniVersion": "0.4.0", "name": "net", "type": "flannel"}')
    with pytest.raises(
        NotInstalled, match=r"00-0\.conf: expected a name that sorts after 00-a-microgateway-cni"
    ):
        node.installer(Chained()).ensure()


def test_changing_the_mode_takes_the_entry_out_of_the_chain(node: Node) -> None:
    (node.net / "10-net.conflist").write_bytes(PRIMARY)
    node.installer(Chained()).ensure()
    done = node.installer(Standalone()).ensure()
    assert done == ["microgateway-cni.conflist", "10-net.conflist restored"]
    assert (node.net / "10-net.conflist").read_bytes() == PRIMARY
