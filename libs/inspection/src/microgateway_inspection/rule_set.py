"""RuleSet: every deny rule in one automaton, so that a scan costs the same however many rules there are.

load    cached database of this very rules and library, else compile and cache
scan    buffer → which rules may match somewhere, and whether an encoding needs undoing
find    rule, buffer → where it matches, at most once a value
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

import hyperscan
import re2

from .decoding import HINTS
from .documents import BEGINNING
from .rules import Rule, load_rules
from .rules.patterns import buffer_pattern

_MAGIC: Final = b"microgateway-rules-1\n"
_FLAGS: Final = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_SINGLEMATCH


class Match(NamedTuple):
    """text: index of the text in the buffer. start, end: inside that text."""

    text: int
    start: int
    end: int


class RuleSet:
    """Immutable; may be shared by threads.

    A scan answers with expression numbers: those below `hints` are encodings that decoding knows how to
    undo, the others belong to the rule `owners[number]`. Rules for particular headers are not part of the
    scan, since what they look for is ordinary elsewhere: `of_header` names them.
    """

    def __init__(self, rules: tuple[Rule, ...], database: hyperscan.Database) -> None:
        self.rules = rules
        self.hints = len(HINTS)
        self.owners: tuple[int, ...] = (
            *(-1 for _ in HINTS),
            *(at for at, rule in enumerate(rules) if not rule.headers for _ in rule.patterns),
        )
        #: By name in lower case, the rules that look at this header only.
        self.of_header: dict[bytes, tuple[int, ...]] = {
            name.encode(): tuple(at for at, rule in enumerate(rules) if name in rule.headers)
            for name in sorted({name for rule in rules for name in rule.headers})
        }
        self._database = database
        self._scan = database.scan
        self._local = threading.local()
        self._hint_regex = _hint_regex()

    @classmethod
    def load(cls, cache_dir: Path | None) -> RuleSet:
        """The rules of this package. A database in `cache_dir` is used when it was made from the same
        rules by the same library for the same kind of processor, and written there otherwise; a cache
        that cannot be read or written costs time, nothing else. Raises ValueError for a bad rule."""
        rules = load_rules()
        if cache_dir is None:
            return cls.compile(rules)
        digest = _digest(rules)
        file = cache_dir / f"rules-{digest[:16]}.hsdb"
        database = _read(file, digest)
        if database is None:
            database = _compile(rules)
            _write(file, digest, hyperscan.dumpb(database))
        return cls(rules, database)

    @classmethod
    def compile(cls, rules: tuple[Rule, ...]) -> RuleSet:
        """Any rules, compiled now. Raises ValueError for a bad rule."""
        return cls(rules, _compile(rules))

    def scan(self, buffer: bytes) -> list[int]:
        """Numbers of the expressions that match anywhere in the buffer; each at most once."""
        hits: list[int] = []
        try:
            scratch = self._local.scratch
        except AttributeError:
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        self._scan(buffer, _collect, 0, hits, scratch)
        return hits

    def find(self, rule: Rule, buffer: bytes, starts: Sequence[int]) -> Iterator[Match]:
        """The first match in each text of the buffer; the texts begin at `starts`."""
        return _find(rule.regex, buffer, starts)

    def find_encoded(self, buffer: bytes, starts: Sequence[int]) -> list[int]:
        """Indexes of the texts that may have other forms."""
        return [match.text for match in _find(self._hint_regex, buffer, starts)]


def _collect(number: int, _start: int, _end: int, _flags: int, hits: Any) -> None:
    hits.append(number)


def _find(regex: re2._Regexp, buffer: bytes, starts: Sequence[int]) -> Iterator[Match]:
    position = 0
    while (found := regex.search(buffer, position)) is not None:
        start, end = found.span()
        text = bisect_right(starts, start) - 1
        yield Match(text, start - starts[text], end - starts[text])
        if text + 1 == len(starts):
            return
        position = starts[text + 1]


def _hint_regex() -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(
        b"(?im)" + b"|".join(b"(?:%b)" % buffer_pattern(each) for each in (*HINTS, BEGINNING)), options
    )


def _expressions(rules: tuple[Rule, ...]) -> list[bytes]:
    scanned = (pattern for rule in rules if not rule.headers for pattern in rule.patterns)
    return [*map(buffer_pattern, HINTS), *scanned]


def _compile(rules: tuple[Rule, ...]) -> hyperscan.Database:
    expressions = _expressions(rules)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=expressions, ids=list(range(len(expressions))), flags=[_FLAGS] * len(expressions)
        )
    except hyperscan.error as error:
        raise ValueError(f"the deny rules do not compile: {error}") from error
    return database


def _digest(rules: tuple[Rule, ...]) -> str:
    """Of what decides what the database looks like: rules and library. The library itself refuses to load one
    that another version made, or one for another kind of processor."""
    seen = hashlib.sha256(f"{metadata.version('hyperscan')} {_FLAGS}\0".encode())
    for expression in _expressions(rules):
        seen.update(b"%d:%b" % (len(expression), expression))
    return seen.hexdigest()


def _read(file: Path, digest: str) -> hyperscan.Database | None:
    expected = _MAGIC + digest.encode() + b"\n"
    try:
        with file.open("rb") as content:  # megabytes: slices would copy them
            header, checksum, data = content.read(len(expected)), content.read(32), content.read()
    except OSError:
        return None
    if header != expected or hashlib.sha256(data).digest() != checksum:
        return None
    try:
        return hyperscan.loadb(data, hyperscan.HS_MODE_BLOCK)
    except hyperscan.error:
        return None


def _write(file: Path, digest: str, data: bytes) -> None:
    """Whole or not at all: others may be reading."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(_MAGIC + digest.encode() + b"\n" + hashlib.sha256(data).digest() + data)
            temporary.replace(file)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    except OSError:
        return
