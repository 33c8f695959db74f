"""Words as a shell would split them."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_cli.requests.errors import RequestInputError
from microgateway_cli.requests.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("curl  -s\n\thttp://a", ["curl", "-s", "http://a"]),
        ("a 'b c' \"d e\"f\\ g", ["a", "b c", "d ef g"]),
        ("a \\\n  -b \\\r\n c", ["a", "-b", "c"]),
        (r'"a\"b\$\x\\"', ['a"b$\\x\\']),
        (r"$'it\'s \u00e9\x41\n\q'", ["it's éA\nq"]),
        ("'' \"\"", ["", ""]),
        ("", []),
    ],
)
def test_splits(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize("text", ["'a", '"a', "$'a", '"a\\'])
def test_an_open_quote_is_an_error(text: str) -> None:
    with pytest.raises(RequestInputError, match="expected a closing"):
        split_words(text)


@given(st.lists(st.text(max_size=10).filter(lambda each: "\0" not in each), max_size=5))
def test_quoted_words_come_back(words: list[str]) -> None:
    assert split_words(shlex.join(words)) == words
