"""What inspecting one request costs, alone, and with twice as many rules; also `python -m bench.inspection`.

Everything else of the engine is left out: one thread calls `Policy.inspect` with the documented defaults (the
1 MiB case without limits, which would refuse it). Each case has requests that differ in a value, so that
nothing but ordinary headers is remembered from one to the next. Rounds alternate between the rules and twice
the rules; the others have the same shape and, where they hold words, other words.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from bench import large
from bench.cases import cases
from bench.markdown import table
from bench.summary import Spread, spread
from microgateway_common.ir.gateway import ContentSecurity
from microgateway_common.ir.header_rewrites import AllowAll, HeaderRewrites, OperationalMode, Rewrites
from microgateway_common.ir.limits import Limits, Unlimited
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.resources.deny_rules import DenyRulesSpec
from microgateway_common.resources.limits import LimitsSpec
from microgateway_common.resources.parser import ParserSpec
from microgateway_compiler.compile.deny_rules import deny_rules
from microgateway_compiler.compile.limits import compile_limits
from microgateway_compiler.compile.parser import compile_parser
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Headers, Request
from microgateway_inspection.rule_set import RuleSet
from microgateway_inspection.rules import load_rules

ROOT: Final = Path(__file__).resolve().parent.parent

#: Requests of a case that differ in a value; of large ones fewer.
VARIANTS: Final = 256
LARGE_VARIANTS: Final = 8
_LARGE: Final = 64 << 10

#: Load average above which a machine is too busy to measure on.
QUIET: Final = 0.5

Sent = tuple[str, str, bytes, Headers, bytes | None]


@dataclass(frozen=True, slots=True)
class Row:
    """size: bytes. once, doubled: µs with the rules, and with twice as many. ratio: of the two."""

    case: str
    size: int
    once: Spread
    doubled: Spread
    ratio: Spread


@dataclass(frozen=True, slots=True)
class InspectionCost:
    """rules: how many there are once. seconds: of processor time, each round."""

    rules: int
    rounds: int
    seconds: float
    rows: tuple[Row, ...]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.inspection", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="of each case (default: 9)")
    parser.add_argument(
        "--seconds", type=float, default=0.5, metavar="S", help="of each round (default: 0.5)"
    )
    parser.add_argument("--quick", action="store_true", help="three rounds of 0.05 s")
    options = parser.parse_args()
    rounds, seconds = (3, 0.05) if options.quick else (options.rounds, options.seconds)
    load = os.getloadavg()[0]
    if load > QUIET:
        print(f"warning: the machine is busy, load average {load:.1f}; preliminary numbers", file=sys.stderr)
    print(as_markdown(inspection_cost(rounds, seconds)))
    return 0


def inspection_cost(rounds: int, seconds: float) -> InspectionCost:
    """seconds: of processor time for each case, each round and each set of rules."""
    rules = RuleSet.load(ROOT / "build")
    sets = (rules, doubled())
    rows = tuple(_row(name, make, sets, rounds, seconds) for name, make in requests().items())
    return InspectionCost(len(rules.rules), rounds, seconds, rows)


def doubled() -> RuleSet:
    """The rules and as many others of the same shape."""
    rules = load_rules()
    others = (
        replace(
            rule,
            id=f"{rule.id}-other",
            patterns=tuple(_WORD.sub(_next_letters, each) for each in rule.patterns),
        )
        for rule in rules
    )
    return RuleSet.compile((*rules, *others))


#: A word of a pattern; escapes, classes and the heads of groups come first, so that they stay as they are.
_WORD: Final = re.compile(
    rb"\\(?:x\{?[0-9A-Fa-f]+\}?|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[^:)]*:|(?P<word>[A-Za-z]{3,})", re.DOTALL
)


def _next_letters(found: re.Match[bytes]) -> bytes:
    """`select` as `tfmfdu`."""
    word = found["word"]
    return found[0] if word is None else bytes(97 + (byte - 96) % 26 for byte in word.lower())


def policy(rules: RuleSet, *, limited: bool) -> Policy:
    """The documented defaults."""
    origin = DefaultOrigin("ContentSecurity")
    nothing = Rewrites(AllowAll(), (), ())
    limits = compile_limits(origin, LimitsSpec())
    return Policy.compile(
        ContentSecurity(
            origin,
            compile_parser(origin, ParserSpec()),
            limits if limited else Limits(origin, Unlimited(), limits.threat_handling),
            deny_rules(origin, DenyRulesSpec()),
            HeaderRewrites(origin, nothing, nothing, OperationalMode.PRODUCTION),
        ),
        rules,
    )


def _row(
    name: str, make: Callable[[int], Sent], sets: tuple[RuleSet, RuleSet], rounds: int, seconds: float
) -> Row:
    variants = VARIANTS if _size(make(0)) < _LARGE else LARGE_VARIANTS
    sent = [make(at) for at in range(variants)]
    limited = name not in _UNLIMITED
    policies = [policy(rules, limited=limited) for rules in sets]
    for each in policies:
        for method, path, query, headers, body in sent:
            verdict = each.inspect(Request(method, path, query, headers, "192.0.2.1"), body)
            if verdict.threats:
                raise ValueError(f"{name}: expected a request that passes, got {verdict.threats[0]}")
    once: list[float] = []
    twice: list[float] = []
    for _ in range(rounds):
        for each, times in zip(policies, (once, twice), strict=True):
            times.append(_microseconds(each, sent, seconds))
    ratio = spread(tuple(more / one for one, more in zip(once, twice, strict=True)))
    size = round(median(map(_size, sent)))
    return Row(name, size, spread(tuple(once)), spread(tuple(twice)), ratio)


def _size(sent: Sent) -> int:
    """Bytes that are looked at, more or less."""
    _method, path, query, headers, body = sent
    return sum(map(len, (path, query, body or b"", *(text for header in headers for text in header))))


def _microseconds(inspected: Policy, sent: list[Sent], seconds: float) -> float:
    """Processor time of one request, on average."""
    inspect = inspected.inspect
    count, started = 0, time.process_time()
    while True:
        for method, path, query, headers, body in sent:
            inspect(Request(method, path, query, headers, "192.0.2.1"), body)
            count += 1
            if count % LARGE_VARIANTS == 0 and (taken := time.process_time() - started) >= seconds:
                return taken / count * 1e6


def as_markdown(found: InspectionCost) -> str:
    rows = table(
        "request",
        ["bytes", "µs (min-max)", "µs with twice the rules", "ratio (min-max)"],
        [
            (
                *(row.case, f"{row.size:,}"),
                f"{row.once.median:,.1f} ({row.once.lowest:,.1f}-{row.once.highest:,.1f})",
                f"{row.doubled.median:,.1f}",
                f"{row.ratio.median:.2f} ({row.ratio.lowest:.2f}-{row.ratio.highest:.2f})",
            )
            for row in found.rows
        ],
    )
    return (
        f"Inspection alone, CPU time of a request; rounds: {found.rounds}, seconds each: {found.seconds:g};"
        f" deny rules: {found.rules}.\n\n{rows}"
    )


def requests() -> dict[str, Callable[[int], Sent]]:
    """By name of the case, the request of a number."""
    ordinary = {case.name: case.normal for case in cases()}

    def of_browser(name: str) -> Callable[[int], Sent]:
        normal = ordinary[name]
        path, _, query = normal.target.partition("?")
        headers = [(key.lower().encode(), value.encode()) for key, value in normal.headers.items()]
        marks = {"GET": (b"page=2", b"page=%d"), "JSON": (b"48213", b"%d"), "form": (b"6003", b"%d")}
        old, new = marks[name]

        def make(at: int) -> Sent:
            value = new % (1000 + at)
            body = normal.body.replace(old, value) or None
            return normal.method, path, query.encode().replace(old, value), headers, body

        return make

    headers = of_browser("GET")(0)[3]

    def posted(media_type: bytes, body: Callable[[int], bytes]) -> Callable[[int], Sent]:
        return lambda at: ("POST", "/api", b"", [*headers, (b"content-type", media_type)], body(at))

    return {
        "GET": of_browser("GET"),
        "JSON 1 KiB": of_browser("JSON"),
        "form": of_browser("form"),
        "multipart": posted(large.MULTIPART.encode(), lambda at: large.upload(large.VALUE, at)),
        "cookies": lambda at: (
            *("GET", "/shop", b""),
            [*headers, (b"cookie", large.cookies("watering can", at).encode())],
            None,
        ),
        "XML 2 KiB": posted(b"application/soap+xml", _xml),
        "JSON 100 KiB": posted(b"application/json", lambda at: large.document(large.VALUE, at)),
        "text 1 MiB, no parser": posted(b"text/plain", lambda _at: _LONG_TEXT),
        _TEXT_IN_JSON: posted(b"application/json", lambda at: large.text(large.VALUE, at)),
    }


_LONG_TEXT: Final = large.TEXT.encode()
_TEXT_IN_JSON: Final = "text 1 MiB in JSON"
_UNLIMITED: Final = frozenset((_TEXT_IN_JSON,))


def _xml(at: int) -> bytes:
    items = "".join(
        f'<o:item sku="GR-{number}"><o:title>{sentence}</o:title>'
        f'<o:price currency="EUR">{number}.90</o:price></o:item>'
        for number, sentence in enumerate((large.VALUE,) * 12)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope'
        ' xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        f'<o:order xmlns:o="urn:shop:order" id="{at}">{items}</o:order></s:Body></s:Envelope>'
    ).encode()


if __name__ == "__main__":
    sys.exit(main())
