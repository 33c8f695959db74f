"""One path, one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.normal_path import normal_path, visible


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        (b"/", b"/"),
        (b"/a/b", b"/a/b"),
        (b"/%61%2fb", b"/a%2Fb"),
        (b"/a/./b/../c", b"/a/c"),
        (b"/%2e%2e/etc", b"/etc"),
        (b"/../../etc", b"/etc"),
        (b"/a/..", b"/"),
        (b"//a///b/", b"/a/b/"),
        (b"/a%", b"/a%"),
        (b"/%zz", b"/%zz"),
        (b"//", b"/"),
        (b"/%%32e/a", b"/%252e/a"),
        (b"/%%32e%%32e/a", b"/%252e%252e/a"),
        (b"/%2%65%/a", b"/%252e%/a"),
        (b"/a/.", b"/a/"),
        (b"/%2e%2E/%2e/x", b"/x"),
        (b"/a//../b", b"/a/b"),
        (b"/%7euser", b"/~user"),
        (b"/.hidden", b"/.hidden"),
        (b"/...", b"/..."),
    ],
)
def test_normal_form(path: bytes, normal: bytes) -> None:
    assert normal_path(path, merge_slashes=True) == normal


def test_slashes_stay_when_wanted() -> None:
    assert normal_path(b"//a//b", merge_slashes=False) == b"//a//b"


@given(st.lists(st.sampled_from([b"/", b".", b"..", b"%2e", b"%2F", b"a", b"%41", b"%"]), max_size=20))
def test_a_normal_form_is_normal(pieces: list[bytes]) -> None:
    once = normal_path(b"/" + b"".join(pieces), merge_slashes=True)
    assert once.startswith(b"/")
    assert not {b".", b".."} & set(once.split(b"/"))
    assert normal_path(once, merge_slashes=True) == once


@pytest.mark.parametrize(
    ("target", "shown"), [(b"/a?b=c", b"/a?b=c"), ("/é".encode(), b"/%C3%A9"), (b"/a b", b"/a%20b")]
)
def test_targets_become_visible(target: bytes, shown: bytes) -> None:
    assert visible(target) == shown
