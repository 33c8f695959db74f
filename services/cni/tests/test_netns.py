from __future__ import annotations

from pathlib import Path

from microgateway_cni.netns import NamespaceAt, OwnNamespace


def test_our_own_namespace_needs_no_prefix() -> None:
    assert OwnNamespace().enter() == []


def test_another_namespace_is_entered_by_its_path_alone() -> None:
    assert NamespaceAt(Path("/run/netns/shop")).enter() == ["nsenter", "--net=/run/netns/shop", "--"]


def test_a_path_is_never_read_as_options() -> None:
    assert NamespaceAt(Path("--mount=/x y")).enter() == ["nsenter", "--net=--mount=/x y", "--"]
