"""Requests made to be expensive: time and memory grow with their size and not faster, each ends in a verdict.

Limits are lifted here, so that what is measured is what parsers, decoding and rules take; with the documented
limits most of these are refused before.
"""

from __future__ import annotations

import base64
import gc
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from urllib.parse import quote

import pytest

from microgateway_common.ir.deny_rules import Level, ThreatHandling
from microgateway_common.ir.limits import Unlimited
from microgateway_inspection.deny_rules import SCAN_BUDGET
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Headers, Request
from microgateway_inspection.rules import load_rules
from microgateway_inspection.verdict import Block, Pass, block_subtype

MakePolicy = Callable[..., Policy]
Sent = tuple[Request, bytes | None]

_FORM, _JSON, _XML = b"application/x-www-form-urlencoded", b"application/json", b"text/xml"
_MULTIPART = b"multipart/form-data; boundary=B"
_DISPOSITION = b"--B\r\nContent-Disposition: form-data; name=a"


def _post(content_type: bytes, body: bytes) -> Sent:
    return Request("POST", "/", b"", [(b"content-type", content_type)], "192.0.2.1"), body


def _value(text: bytes) -> Sent:
    return _post(_JSON, b'["' + text + b'"]')


def _get(headers: Headers, path: str = "/") -> Sent:
    return Request("GET", path, b"", headers, "192.0.2.1"), None


def _in_base64(size: int) -> bytes:
    """Attack in base64 in base64 and so on, until it has the size."""
    text = b"<script>alert(1)</script>"
    while len(text) < size:
        text = base64.b64encode(text)
    return text


def _form_of(value: bytes) -> Sent:
    return _post(_FORM, b"a=" + quote(value, safe="").encode())


def _nested(size: int) -> bytes:
    """A list of documents in strings, and such lists in strings of a document."""
    inner = json.dumps([json.dumps(["%3c", "x"])] * (size // 8))
    return json.dumps([inner, inner]).encode()


_DEEP = b"[" * 900, b"]" * 900

_CASES: dict[str, Callable[[int], Sent]] = {
    "parameters": lambda n: _post(_FORM, b"a=<&" * n),
    "parameters with names": lambda n: _post(_FORM, b"&".join(b"p%d=%%27" % at for at in range(n))),
    "one value": lambda n: _post(_FORM, b"a=" + b"x" * n),
    "percent of percent": lambda n: _post(_FORM, b"a=" + b"%2525" * n),
    "base64 of base64": lambda n: _value(_in_base64(n)),
    "pieces of base64": lambda n: _value(b"PHNjcmlwdD5hb " * n),
    "references begun": lambda n: _value(b"&" * n),
    "a long reference": lambda n: _value(b"&#" + b"0" * n),
    "long references": lambda n: _value(b"&#000" * n),
    "escapes begun": lambda n: _value(b"\\\\u" * n),
    "comments begun": lambda n: _value(b"/*" * n),
    "comments of a line": lambda n: _value(b"--\\n" * n),
    "joined strings": lambda n: _value(b"'+'" * n),
    "shell": lambda n: _value(b"${ifs" * n),
    "look-alikes": lambda n: _value("\u2102".encode() * n),
    "quotes and spaces": lambda n: _value("\u2019 )".encode() * n),
    "deep JSON": lambda n: _post(_JSON, _DEEP[0] + b"[]," * n + b'"<script>"' + _DEEP[1]),
    "JSON objects": lambda n: _post(_JSON, b"[" + b'{"a":"<script>"},' * n + b"1]"),
    "strings of a document": lambda n: _form_of(b"[" + b'"%3c",' * n + b'"x"]'),
    "documents in a document": lambda n: _form_of(_nested(n)),
    "documents begun": lambda n: _form_of(b'["{[",' * n),
    "constructors": lambda n: _post(_JSON, b"[" + b'{"constructor":{"prototype":1}},' * n + b"1]"),
    "escaped colons": lambda n: _post(_JSON, b"[" + b'{"a":"\\u003a"},' * n + b"1]"),
    "cookies": lambda n: _get([(b"cookie", b"a=<;" * n)]),
    "quoted cookies": lambda n: _get([(b"cookie", b'a="\\";' * n)]),
    "headers": lambda n: _get([(b"x-%d" % at, b"<") for at in range(n)]),
    "segments": lambda n: _get([], "/a" * n),
    "deep XML": lambda n: _post(_XML, b"<a>" * n + b"&lt;script></a>" + b"</a>" * (n - 1)),
    "deep XML with leaves": lambda n: _post(_XML, b"<deep>" * n + b"<b>&lt;script></b>" * n + b"</deep>" * n),
    "XML attributes": lambda n: _post(_XML, b"<a " + b" ".join(b"k%d='<'" % at for at in range(n)) + b"/>"),
    "XML references": lambda n: _post(_XML, b'<!DOCTYPE a [<!ENTITY e "xx">]><a>' + b"&e;" * n + b"</a>"),
    "XML entities": lambda n: _post(
        _XML, b"<!DOCTYPE a [" + b"".join(b"<!ENTITY e%d 'x'>" % at for at in range(n)) + b"]><a/>"
    ),
    "XML text in pieces": lambda n: _post(_XML, b"<a>" + b"x<b/>" * n + b"</a>"),
    "parts": lambda n: _post(_MULTIPART, (_DISPOSITION + b"\r\n\r\n1\r\n") * n + b"--B--"),
    "boundaries begun": lambda n: _post(
        _MULTIPART, _DISPOSITION + b"\r\n\r\n" + b"\r\n--" * n + b"\r\n--B--"
    ),
    "parameters of a part": lambda n: _post(
        _MULTIPART, _DISPOSITION + b"".join(b"; p%d=1" % at for at in range(n)) + b"\r\n\r\n1\r\n--B--"
    ),
}


@pytest.fixture(scope="module")
def policies(make_policy: MakePolicy) -> Iterator[tuple[Policy, Policy]]:
    """What blocks, and what looks at everything."""
    gc.freeze()  # as in the engine: the collector does not go through all of the tests' objects again
    yield make_policy(limits=Unlimited()), make_policy(limits=Unlimited(), handling=ThreatHandling.LOG_ONLY)
    gc.unfreeze()


def _seconds(policy: Policy, sent: Sent) -> float:
    started = time.process_time()
    policy.inspect(*sent)
    return time.process_time() - started


def _memory(policy: Policy, sent: Sent) -> int:
    """Bytes at the peak."""
    tracemalloc.start()
    policy.inspect(*sent)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("case", _CASES)
def test_time_grows_with_the_size(policies: tuple[Policy, Policy], case: str) -> None:
    """Four times the size takes less than ten times the time: squares would take sixteen."""
    for policy in policies:
        small, large = _CASES[case](1024), _CASES[case](4096)
        # Whatever else the machine does only adds, now to the one and now to the other.
        pairs = ((_seconds(policy, small), _seconds(policy, large)) for _ in range(8))
        assert any(took_large < max(10 * took, 0.015) for took, took_large in pairs)


@pytest.mark.parametrize("case", _CASES)
def test_memory_grows_with_the_size(policies: tuple[Policy, Policy], case: str) -> None:
    _, everything = policies
    small, large = _CASES[case](256), _CASES[case](1024)
    assert _memory(everything, large) < max(8 * _memory(everything, small), 1 << 20)


@pytest.mark.parametrize("case", _CASES)
def test_the_documented_limits_give_a_verdict(standard: Policy, case: str) -> None:
    assert isinstance(standard.inspect(*_CASES[case](20_000)), Pass | Block)


@pytest.mark.parametrize(
    ("sent", "subtype"),
    [
        (_post(_FORM, b"a=1&" * 25_000), "parameter_count"),
        (_post(_FORM, b"a=1&" * 1_000_000), "parameter_body_size"),
        (_post(_FORM, b"a=" + b"x" * 10_000), "parameter_value_length"),
        (_post(_JSON, b'"' + b"x" * (1 << 20) + b'"'), "json_body_size"),
        (_post(_JSON, b"[" * 50_000), "json_nesting_depth"),
        (_post(_JSON, b"[" + b"1," * 20_000 + b"1]"), "json_element_count"),
        (_post(_XML, b"<a>" * 10_000 + b"</a>" * 10_000), "xml_nesting_depth"),
        (_post(_XML, b"<a>" + b"<b/>" * 20_000 + b"</a>"), "xml_element_count"),
        (
            _post(_XML, b'<!DOCTYPE a [<!ENTITY e "%b">]><a>%b</a>' % (b"x" * 5000, b"&e;" * 5000)),
            "xml_expansion",
        ),
    ],
)
def test_outcomes_with_the_documented_limits(standard: Policy, sent: Sent, subtype: str) -> None:
    verdict = standard.inspect(*sent)
    assert isinstance(verdict, Block)
    assert block_subtype(verdict.cause) == subtype


@pytest.mark.parametrize(
    "sent",
    [
        _post(_FORM, b"a=" + b"x" * SCAN_BUDGET),
        _value(b"x" * SCAN_BUDGET),
        _post(_FORM, b"a=" + b"%2525253c" * (SCAN_BUDGET // 16)),
        _get([(b"cookie", b"a=" + b"x" * SCAN_BUDGET)]),
    ],
)
def test_without_limits_the_budget_ends_it(make_policy: MakePolicy, sent: Sent) -> None:
    verdict = make_policy(limits=Unlimited()).inspect(*sent)
    assert isinstance(verdict, Block)
    assert block_subtype(verdict.cause) == "inspection_budget"


@pytest.mark.parametrize("text", ["x%27", '{"a":"x%27"}', "&lt;", base64.b64encode(b'{"a":"%27"}').decode()])
def test_decoding_many_short_texts_is_budgeted(make_policy: MakePolicy, text: str) -> None:
    """Each takes some ten microseconds: bytes alone would not bound the time."""
    policy = make_policy(limits=Unlimited())
    assert isinstance(policy.inspect(*_post(_JSON, json.dumps([text] * 1_000).encode())), Pass)
    verdict = policy.inspect(*_post(_JSON, json.dumps([text] * 20_000).encode()))
    assert isinstance(verdict, Block)
    assert block_subtype(verdict.cause) == "inspection_budget"


def test_no_request_makes_the_matcher_complain(
    make_policy: MakePolicy, capfd: pytest.CaptureFixture[str]
) -> None:
    """Beginnings of attacks in any order bring expressions to their limit of memory, which they keep silent
    about: nobody may write into the engine's log by what he sends."""
    random = Random(5)
    examples = [each for rule in load_rules() for each in rule.must_match]
    pieces = (example[: random.randrange(len(example))] for example in random.choices(examples, k=9_000))
    texts = [" ".join(islice(pieces, 500)) for _ in range(18)]
    everything = make_policy(limits=Unlimited(), handling=ThreatHandling.LOG_ONLY, level=Level.STRICT)
    assert everything.inspect(*_post(_JSON, json.dumps(texts).encode())).threats
    assert capfd.readouterr().err == ""
