from __future__ import annotations

import pytest

from microgateway_webhook.injection.users import NoUserLeftError, UserRange, choose_users, parse_range


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000680000/10000", UserRange(1000680000, 1000689999)),
        ("5-9", UserRange(5, 9)),
        ("7/1", UserRange(7, 7)),
    ],
)
def test_a_range(text: str, expected: UserRange) -> None:
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["", "5", "9-5", "5/0", "a/b", "1/2/3", "-1/5"])
def test_no_range(text: str) -> None:
    with pytest.raises(ValueError, match="expected FIRST/COUNT"):
        parse_range(text)


def test_the_first_of_a_range_is_left_to_the_application() -> None:
    with pytest.raises(NoUserLeftError, match="expected two from 10 to 11"):
        choose_users({"containers": []}, UserRange(10, 11))
    users = choose_users({"containers": []}, UserRange(10, 12))
    assert (users.engine, users.netcheck) == (12, 11)
