"""Which headers pass, go and come (CRD HeaderRewrites).

Built-in and custom actions have one form, a named group, so that the engine and the log treat them
alike. The order is: keep the allowed, remove, add.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from .matching import HeaderMatch, RequestConditions
from .origin import Origin
from .templates import Template


class HeaderGroup(Struct, frozen=True):
    """name: `builtIn.standardHeaders`, or that of the custom entry."""

    name: str
    conditions: RequestConditions
    headers: tuple[HeaderMatch, ...]


class AllowAll(Struct, frozen=True, tag="all"):
    """Every header passes."""


class AllowMatching(Struct, frozen=True, tag="matching"):
    """Headers that are in one of the groups pass, others are dropped."""

    groups: tuple[HeaderGroup, ...]


class AddMode(StrEnum):
    ADD_IF_ABSENT = "AddIfAbsent"
    OVERWRITE_OR_ADD = "OverwriteOrAdd"


class NewHeader(Struct, frozen=True):
    name: str
    value: Template


class HeaderAddition(Struct, frozen=True):
    """name: `builtIn.hsts`, or that of the custom entry."""

    name: str
    conditions: RequestConditions
    mode: AddMode
    headers: tuple[NewHeader, ...]


class Rewrites(Struct, frozen=True):
    """The rewrites of one direction."""

    allow: AllowAll | AllowMatching
    remove: tuple[HeaderGroup, ...]
    add: tuple[HeaderAddition, ...]


class OperationalMode(StrEnum):
    """INTEGRATION logs every action on a header."""

    PRODUCTION = "Production"
    INTEGRATION = "Integration"


class HeaderRewrites(Struct, frozen=True):
    origin: Origin
    request: Rewrites
    response: Rewrites
    mode: OperationalMode
