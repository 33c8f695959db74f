"""What two trees of JSON values have different, in words that people can follow.

    old ┐
        ├─► differences ─► Added, Removed, Changed: where, what it was, what it is, whose it is
    new ┘

`apply` makes the new tree of the old one, so nothing is left out; `inverse` leads back. Lists are compared
by their items: one that came in between is one difference, however many it moves.

`comparable` is a configuration as a tree without what only says where a thing stands: its generation, and
its position in the resource.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, assert_never

import msgspec
from msgspec import Struct

from .ir.gateway import GatewayConfig
from .ir.origin import DefaultOrigin, Origin, ResourceOrigin

#: JSON: None, bool, int, float, str, and lists and string-keyed dictionaries of them.
Tree = Any

#: Items of two lists that are compared with each other; of longer ones, those at the same position.
LARGEST_ALIGNMENT = 500

#: Members that tell an item of a list from its neighbours, the first that is there.
_NAMES = ("port", "path_prefix", "name", "rule_key", "field_type", "content_type")

#: `exceptions[3]`: moves with its neighbours.
_POSITION = re.compile(r"[a-z]+\[[0-9]+\]")

_encode = msgspec.json.Encoder(order="deterministic").encode


class Item(Struct, frozen=True, tag="item"):
    """Of a list. old, new: its position before and after, -1 where it is not there. name: what people know it
    by, empty for none."""

    old: int
    new: int
    name: str = ""


class Member(Struct, frozen=True, tag="member"):
    """Of an object."""

    name: str


#: From the root to a value.
Path = tuple[Member | Item, ...]


class UnknownOrigin(Struct, frozen=True, tag="unknown"):
    """Nothing around the value says whose it is."""


class Added(Struct, frozen=True, tag="added"):
    path: Path
    new: Tree
    origin: Origin | UnknownOrigin = UnknownOrigin()


class Removed(Struct, frozen=True, tag="removed"):
    path: Path
    old: Tree
    origin: Origin | UnknownOrigin = UnknownOrigin()


class Changed(Struct, frozen=True, tag="changed"):
    path: Path
    old: Tree
    new: Tree
    origin: Origin | UnknownOrigin = UnknownOrigin()


Difference = Added | Removed | Changed


def comparable(config: GatewayConfig) -> Tree:
    """What a configuration does, and whose it is. Secrets are empty values under their names."""
    return without_positions(msgspec.json.decode(_encode(config.without_secrets())))  # no tuples


def without_positions(tree: Tree) -> Tree:
    """A configuration's tree without generations of origins and positions in resources."""
    match tree:
        case {"type": "resource", "kind": _, "namespace": _, "name": _, "generation": _}:
            return {name: value for name, value in tree.items() if name != "generation"}
        case dict():
            return {
                name: without_positions(value)
                for name, value in tree.items()
                if not (name == "id" and isinstance(value, str) and _POSITION.fullmatch(value))
            }
        case list():
            return [without_positions(each) for each in tree]
        case _:
            return tree


def differences(old: Tree, new: Tree) -> tuple[Difference, ...]:
    """In the order of the trees; none for equal ones."""
    return tuple(_compare((), UnknownOrigin(), old, new))


def apply(found: Iterable[Difference], old: Tree) -> Tree:
    """The new tree. found: all differences to the old one, in their order."""
    root = [copy.deepcopy(old)]
    found = tuple(found)
    # Items leave their lists from behind and come into them from the front: positions mean what they say.
    for each in reversed(found):
        if isinstance(each, Removed):
            where = _holder(root, each.path, old=True)
            del where[_key(each.path[-1], old=True)]
    for each in found:
        match each:
            case Added(path, value):
                where = _holder(root, path, old=False)
                if isinstance(where, list):
                    where.insert(_key(path[-1], old=False), copy.deepcopy(value))
                else:
                    where[_key(path[-1], old=False)] = copy.deepcopy(value)
            case Changed(path, _, value):
                where = _holder(root, path, old=False)
                where[_key(path[-1], old=False) if path else 0] = copy.deepcopy(value)
            case Removed():
                pass
            case _:
                assert_never(each)
    return root[0]


def inverse(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """The differences from the new tree to the old one."""
    turned = list[Difference]()
    for each in found:
        path = tuple(
            Item(step.new, step.old, step.name) if isinstance(step, Item) else step for step in each.path
        )
        match each:
            case Added(_, value, origin):
                turned.append(Removed(path, value, origin))
            case Removed(_, value, origin):
                turned.append(Added(path, value, origin))
            case Changed(_, before, after, origin):
                turned.append(Changed(path, after, before, origin))
            case _:
                assert_never(each)
    return tuple(turned)


def written(path: Path) -> str:
    """`applications[8080].routes[/admin].treatment`."""
    text = ""
    for step in path:
        match step:
            case Member(name):
                text += f".{name}" if text else name
            case Item(old, new, name):
                text += f"[{name or (old if new < 0 else new)}]"
            case _:
                assert_never(step)
    return text


def _compare(path: Path, origin: Origin | UnknownOrigin, old: Tree, new: Tree) -> Iterator[Difference]:
    if _encode(old) == _encode(new):
        return
    match old, new:
        case dict(), dict() if old.get("type") == new.get("type"):
            yield from _compare_members(path, _origin_of(new, origin), old, new)
        case list(), list():
            yield from _compare_items(path, origin, old, new)
        case _:
            yield Changed(path, old, new, origin)


def _compare_members(
    path: Path, origin: Origin | UnknownOrigin, old: dict[str, Tree], new: dict[str, Tree]
) -> Iterator[Difference]:
    for name in [*old, *(name for name in new if name not in old)]:
        here = (*path, Member(name))
        if name not in new:
            yield Removed(here, old[name], _origin_of(old[name], origin))
        elif name not in old:
            yield Added(here, new[name], _origin_of(new[name], origin))
        else:
            yield from _compare(here, origin, old[name], new[name])


def _compare_items(
    path: Path, origin: Origin | UnknownOrigin, old: list[Tree], new: list[Tree]
) -> Iterator[Difference]:
    for before, after in _aligned(old, new):
        value = new[after] if after >= 0 else old[before]
        here = (*path, Item(before, after, _name_of(value)))
        if after < 0:
            yield Removed(here, value, _origin_of(value, origin))
        elif before < 0:
            yield Added(here, value, _origin_of(value, origin))
        else:
            yield from _compare(here, origin, old[before], value)


def _aligned(old: Sequence[Tree], new: Sequence[Tree]) -> Iterator[tuple[int, int]]:
    """Positions of what belongs together, -1 for nothing, in an order that both lists keep; what went before
    what came."""
    # Of several ways to align two lists the library's depends on which is first: here it is always the same.
    if _encode(old) > _encode(new):
        pairs = [(before, after) for after, before in _pairs(new, old)]
    else:
        pairs = list(_pairs(old, new))
    came = list[tuple[int, int]]()
    for pair in pairs:
        if pair[0] < 0:
            came.append(pair)
            continue
        if pair[1] >= 0:
            yield from came
            came.clear()
        yield pair
    yield from came


def _pairs(old: Sequence[Tree], new: Sequence[Tree]) -> Iterator[tuple[int, int]]:
    equal = [_encode(each) for each in old], [_encode(each) for each in new]
    for before, after in _matched(*equal):
        if before.stop - before.start and after.stop - after.start and _same(equal, before, after):
            yield from zip(before, after, strict=True)
            continue
        alike = [_likeness(old[at]) for at in before], [_likeness(new[at]) for at in after]
        for some, others in _matched(*alike):
            if len(some) == len(others) and some and _same(alike, some, others):
                yield from zip((before[at] for at in some), (after[at] for at in others), strict=True)
            else:
                yield from ((before[at], -1) for at in some)
                yield from ((-1, after[at]) for at in others)


def _same(texts: tuple[list[bytes], list[bytes]], some: range, others: range) -> bool:
    return [texts[0][at] for at in some] == [texts[1][at] for at in others]


def _matched(old: list[bytes], new: list[bytes]) -> Iterator[tuple[range, range]]:
    """Stretches of the lists, in order: equal ones, and what lies between them."""
    start = 0
    shortest = min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    if start:
        yield range(start), range(start)
    middle = range(start, len(old) - end), range(start, len(new) - end)
    if max(len(middle[0]), len(middle[1])) <= LARGEST_ALIGNMENT:
        matcher = SequenceMatcher(
            None, [old[at] for at in middle[0]], [new[at] for at in middle[1]], autojunk=False
        )
        for _, first, last, others_first, others_last in matcher.get_opcodes():
            yield middle[0][first:last], middle[1][others_first:others_last]
    elif any(middle):
        both = min(len(middle[0]), len(middle[1]))
        for at in range(both):
            yield middle[0][at : at + 1], middle[1][at : at + 1]
        yield middle[0][both:], middle[1][both:]
    if end:
        yield range(len(old) - end, len(old)), range(len(new) - end, len(new))


def _likeness(value: Tree) -> bytes:
    """Equal for what can be two states of one thing."""
    if isinstance(value, dict):
        return _encode([value.get("type"), _name_of(value)])
    return _encode([_name_of(value)] if _name_of(value) else value)


def _name_of(value: Tree) -> str:
    match value:
        case dict():
            found = (value[name] for name in _NAMES if isinstance(value.get(name), str | int))
            return str(next(found, ""))
        case [str(name), _]:  # a member of an object whose order counts
            return name
        case _:
            return ""


def _origin_of(value: Tree, otherwise: Origin | UnknownOrigin) -> Origin | UnknownOrigin:
    match value:
        case {
            "origin": {"type": "resource", "kind": str(kind), "namespace": str(namespace), "name": str(name)}
        }:
            return ResourceOrigin(kind, namespace, name, 0)
        case {"origin": {"type": "default", "kind": str(kind)}}:
            return DefaultOrigin(kind)
        case _:
            return otherwise


def _holder(root: list[Tree], path: Path, *, old: bool) -> Any:
    """In which the last step of a path is. old: before anything came, otherwise while it comes."""
    holder: Any = root
    at: Any = 0
    for step in path:
        holder = holder[at]
        at = _key(step, old=old)
    return holder


def _key(step: Member | Item, *, old: bool) -> Any:
    match step:
        case Member(name):
            return name
        case Item(before, after):
            return before if old else after
        case _:
            assert_never(step)
