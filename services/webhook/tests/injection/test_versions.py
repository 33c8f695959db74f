from __future__ import annotations

import pytest

from microgateway_webhook.injection.versions import ServerVersion, parse_version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1.29.3", (1, 29)),
        ("1.28+", (1, 28)),
        ("v1.31.0-eks-a1b2", (1, 31)),
        ("v1.20.2-dirty", (1, 20)),
        ("1.9", (1, 9)),
    ],
)
def test_a_version(text: str, expected: tuple[int, int]) -> None:
    assert parse_version(text) == ServerVersion(*expected)


@pytest.mark.parametrize("text", ["", "1", "one.two", "1.x", "None", "v1."])
def test_no_version(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected one such as 1\.29"):
        parse_version(text)


def test_native_sidecars_are_there_from_1_29() -> None:
    versions = [ServerVersion(1, 9), ServerVersion(1, 28), ServerVersion(1, 29), ServerVersion(2, 0)]
    assert [each.has_native_sidecars for each in versions] == [False, False, True, True]
