"""Header rewrites of one direction, made ready: keep the allowed, remove, add.

Groups without request conditions are merged: names alone become one set, so that the common case
costs one look-up a field. A message's framing and its host are not for rewriting: those fields belong
to the connection and are neither seen nor written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

from microgateway_common.ir.header_rewrites import (
    AddMode,
    AllowAll,
    AllowMatching,
    HeaderAddition,
    HeaderGroup,
    NewHeader,
    Rewrites,
)
from microgateway_common.ir.matching import Exact, HeaderMatch, RequestConditions
from microgateway_common.ir.templates import Text
from microgateway_common.managed_headers import MANAGED_HEADERS

from .conditions import Condition, compile_conditions, is_always
from .matching import (
    HeaderTest,
    TextTest,
    compile_header_match,
    compile_match,
    exact_header_name,
    header_text,
    lower_name,
)
from .request import Headers, Request
from .templates import TemplateContext, compile_template, constant_text, printable

#: Fields that cannot be added, as names on the wire.
MANAGED: Final = frozenset(name.encode() for name in MANAGED_HEADERS)

_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

#: The group under which a field is logged that no group allows.
NOT_ALLOWED: Final = "allow"


@dataclass(frozen=True, slots=True)
class Action:
    """What happened to a header, for the log of integration mode.

    group: of the HeaderRewrites resource. drop: not allowed; skip: there already, or nothing to add.
    header: name in lower case.
    """

    group: str
    action: Literal["drop", "remove", "add", "overwrite", "skip"]
    header: str


class Rewriter:
    """The rewrites of one direction. Compiling may fail, applying cannot."""

    def __init__(
        self, allow: _Selection | None, remove: _Selection, additions: tuple[_Addition, ...]
    ) -> None:
        self._allow = allow
        self._remove = remove
        self._additions = additions
        self._constants = _constants(additions)
        self._constant_names = frozenset(dict(self._constants or ()))
        self._select = _selector(allow, remove)

    @classmethod
    def compile(cls, rewrites: Rewrites) -> Rewriter:
        """Raises ValueError naming the group when a pattern, CIDR range, header or template is refused."""
        match rewrites.allow:
            case AllowAll():
                allow = None
            case AllowMatching(groups):
                allow = _selection(groups)
            case _:
                assert_never(rewrites.allow)
        return cls(allow, _selection(rewrites.remove), tuple(_addition(each) for each in rewrites.add))

    def apply(self, headers: Headers, request: Request, context: TemplateContext) -> Headers:
        """The headers as they go on; the list given is not changed. request: whose conditions count, also
        for a response. context: what templates are filled from."""
        kept = self._select(headers, request)
        if not self._additions:
            return kept
        if self._constants is not None and self._constant_names.isdisjoint(dict(kept)):
            return kept + self._constants
        present = {name for name, _ in kept}
        if self._constants is not None:
            kept += [each for each in self._constants if each[0] not in present]
            return kept
        for addition in self._additions:
            if addition.condition is None or addition.condition(request):
                for new in addition.headers:
                    if new.name in present:
                        if not addition.overwrite:
                            continue
                        kept = [each for each in kept if each[0] != new.name]
                        present.discard(new.name)
                    value = new.value(context)
                    if value is not None:
                        kept.append((new.name, value))
                        present.add(new.name)
        return kept

    def apply_recorded(
        self, headers: Headers, request: Request, context: TemplateContext
    ) -> tuple[Headers, list[Action]]:
        """As `apply`, with each action in the order in which it was taken."""
        actions: list[Action] = []
        allow = None if self._allow is None else self._allow.active(request)
        remove = self._remove.active(request)
        kept: Headers = []
        for name, value in headers:
            if allow is not None and _group(allow, name, value) is None:
                actions.append(Action(NOT_ALLOWED, "drop", name.decode("latin-1")))
            elif (group := _group(remove, name, value)) is not None:
                actions.append(Action(group, "remove", name.decode("latin-1")))
            else:
                kept.append((name, value))
        for addition in self._additions:
            if addition.condition is None or addition.condition(request):
                for new in addition.headers:
                    action = _add(kept, new, addition.overwrite, context)
                    actions.append(Action(addition.group, action, new.name.decode("ascii")))
        return kept, actions


# Which fields are meant.


@dataclass(slots=True)
class _Fields:
    """Header matches, merged. names: whatever the value; valued: by name, tests of which one must hold."""

    names: set[bytes] = field(default_factory=set)
    valued: dict[bytes, list[TextTest]] = field(default_factory=dict)
    others: list[HeaderTest] = field(default_factory=list)

    def add(self, match: HeaderMatch) -> None:
        name = exact_header_name(match)
        if name is not None:
            self.names.add(name)
        elif isinstance(match.name, Exact):
            self.valued.setdefault(lower_name(match.name.value), []).append(compile_match(match.value))
        else:
            self.others.append(compile_header_match(match))

    def match(self, name: bytes, value: bytes) -> bool:
        if name in self.names:
            return True
        if name in self.valued:
            text = header_text(value)
            for test in self.valued[name]:
                if test(text):
                    return True
        return any(test(name, value) for test in self.others) if self.others else False


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    condition: Condition | None
    fields: _Fields


@dataclass(frozen=True, slots=True)
class _Selection:
    """groups: all, as they were written. always: the fields of those without conditions, merged.
    conditional: the others."""

    groups: tuple[_Group, ...]
    always: _Fields
    conditional: tuple[_Group, ...]

    def active(self, request: Request) -> list[_Group]:
        """Those whose conditions hold."""
        return [group for group in self.groups if group.condition is None or group.condition(request)]

    def fields(self, request: Request) -> list[_Fields]:
        """As `active`, merged where it could be done in advance."""
        met = [group.fields for group in self.conditional if group.condition and group.condition(request)]
        return [self.always, *met]


def _selection(groups: Iterable[HeaderGroup]) -> _Selection:
    compiled: list[_Group] = []
    always = _Fields()
    for group in groups:
        fields = _Fields()
        with _naming(group.name):
            condition = _condition(group.conditions)
            for match in group.headers:
                fields.add(match)
                if condition is None:
                    always.add(match)
        compiled.append(_Group(group.name, condition, fields))
    conditional = tuple(group for group in compiled if group.condition is not None)
    return _Selection(tuple(compiled), always, conditional)


def _group(groups: list[_Group], name: bytes, value: bytes) -> str | None:
    """The name of the first group that means this field."""
    for group in groups:
        if group.fields.match(name, value):
            return group.name
    return None


def _selector(allow: _Selection | None, remove: _Selection) -> Callable[[Headers, Request], Headers]:
    """A function that makes a new list of the fields which are allowed and not removed."""
    fixed = not remove.conditional and (allow is None or not allow.conditional)
    removed = remove.always
    if fixed and not removed.others:
        named = frozenset(removed.names)
        if allow is None:
            # Only fields of these names need a second look.
            watched = named.union(removed.valued)
            return lambda headers, _request: [
                each for each in headers if each[0] not in watched or not removed.match(*each)
            ]
        if not (removed.valued or allow.always.valued or allow.always.others):
            kept = frozenset(allow.always.names) - named
            return lambda headers, _request: [each for each in headers if each[0] in kept]

    def select(headers: Headers, request: Request) -> Headers:
        kept = headers
        if allow is not None:
            allowed = allow.fields(request)
            kept = [each for each in kept if any(fields.match(*each) for fields in allowed)]
        dropped = remove.fields(request)
        return [each for each in kept if not any(fields.match(*each) for fields in dropped)]

    return select


# What is added.


@dataclass(frozen=True, slots=True)
class _New:
    """name: in lower case. value: None when the template's values are all missing. constant: the value, when
    it is the same for every request."""

    name: bytes
    value: Callable[[TemplateContext], bytes | None]
    constant: bytes | None


@dataclass(frozen=True, slots=True)
class _Addition:
    group: str
    condition: Condition | None
    overwrite: bool
    headers: tuple[_New, ...]


def _addition(addition: HeaderAddition) -> _Addition:
    with _naming(addition.name):
        return _Addition(
            addition.name,
            _condition(addition.conditions),
            addition.mode is AddMode.OVERWRITE_OR_ADD,
            tuple(_new(each) for each in addition.headers),
        )


def _constants(additions: tuple[_Addition, ...]) -> Headers | None:
    """What is added wherever it is not there already; None when that depends on the request."""
    found: dict[bytes, bytes] = {}
    for addition in additions:
        for new in addition.headers:
            if addition.condition is not None or addition.overwrite or new.constant is None:
                return None
            found.setdefault(new.name, new.constant)
    return list(found.items())


def _new(header: NewHeader) -> _New:
    name = header_name(header.name)
    for part in header.value:
        if isinstance(part, Text) and part.value != printable(part.value):
            raise ValueError(
                f"{header.name}: expected a value without control characters, got {part.value!r}"
            )
    constant = constant_text(header.value)
    if constant is not None:
        fixed = constant.strip(" ").encode()
        return _New(name, lambda _context: fixed, fixed)
    return _New(name, _value(header), None)


def header_name(text: str) -> bytes:
    """A name that rewrites may add, in lower case. Raises ValueError."""
    name = text.encode("utf-8", "replace")
    if not name or name.translate(None, _TOKEN):
        raise ValueError(f"expected a header name (RFC 9110 section 5.1), got {text!r}")
    name = name.lower()
    if name in MANAGED:
        raise ValueError(f"expected a header other than those of the connection, got {text!r}")
    return name


def _value(header: NewHeader) -> Callable[[TemplateContext], bytes | None]:
    """Values that are missing count as empty, and a header of which nothing is left is not added, as
    with Envoy; a header that was written empty is."""
    render = compile_template(header.value, missing="")
    return lambda context: render(context).strip(" ").encode("utf-8", "replace") or None


def _add(
    kept: Headers, new: _New, overwrite: bool, context: TemplateContext
) -> Literal["add", "overwrite", "remove", "skip"]:
    """One header, in place. With `overwrite` the old value goes even when there is no new one: what a
    client sent must not pass for what the gateway says."""
    present = any(name == new.name for name, _ in kept)
    if present and not overwrite:
        return "skip"
    if present:
        kept[:] = [each for each in kept if each[0] != new.name]
    value = new.value(context)
    if value is None:
        return "remove" if present else "skip"
    kept.append((new.name, value))
    return "overwrite" if present else "add"


def _condition(conditions: RequestConditions) -> Condition | None:
    """None when they hold for every request."""
    return None if is_always(conditions) else compile_conditions(conditions)


@contextmanager
def _naming(group: str) -> Iterator[None]:
    """Errors name the group that they are in."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"header rewrites {group!r}: {error}") from error
