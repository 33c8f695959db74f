"""What an explanation consists of. Plain dataclasses of JSON's types: the CLI prints them, the config-api
answers with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Handling = Literal["Block", "LogOnly"]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in the request. type: Header, Parameter, Path, PathSegment, JSON; name: of a parameter, header
    or cookie (`cookie:theme`), JSONPath, or index of the segment; part: name or value."""

    type: str
    name: str
    part: str


@dataclass(frozen=True, slots=True)
class RouteStep:
    """path: in normal form. prefix: of the route that has it, empty when none has. policy: the
    ContentSecurity, empty on an unsecured route."""

    path: str
    prefix: str
    policy: str
    outcome: Literal["secured", "unsecured", "no route"]
    step: Literal["route"] = "route"


@dataclass(frozen=True, slots=True)
class ParsingStep:
    """parser: form, json, multipart … or none. because: what chose it. fields: how many of each type.
    problem: why the body cannot be read, empty when it can."""

    resource: str
    parser: str
    because: str
    fields: dict[str, int]
    problem: str
    handling: Handling
    step: Literal["parsing"] = "parsing"


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit that is exceeded. spots: where, empty for the request as a whole. lifted_by: exceptions of
    the resource that make it no threat."""

    limit: str
    maximum: int
    measured: int
    spots: tuple[Spot, ...]
    handling: Handling
    lifted_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitsStep:
    resource: str
    exceeded: tuple[Exceeded, ...]
    step: Literal["limits"] = "limits"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A field that was looked at in other forms too, after these steps."""

    spot: Spot
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecodingStep:
    decoded: tuple[Decoded, ...]
    step: Literal["decoding"] = "decoding"


@dataclass(frozen=True, slots=True)
class NearException:
    """An exception that all but covers a match. missing: what keeps it from doing so."""

    exception: str
    missing: str


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A rule that matches.

    level: of the rule; empty for custom rules. setting: level and handling that count for this key and
    type of field. decided_by: the resource's settings, or an override of them. matched: what it looked
    like after the decoding, masked. exceptions: those that cover it. near: those that nearly do.
    """

    rule_key: str
    rule_id: str
    description: str
    level: str
    spot: Spot
    decoding: tuple[str, ...]
    matched: str
    setting_level: str
    setting_handling: Handling
    decided_by: Literal["settings", "override", "rule"]
    outcome: Literal["blocks", "logged", "excepted", "switched off"]
    exceptions: tuple[str, ...]
    near: tuple[NearException, ...]


@dataclass(frozen=True, slots=True)
class RulesStep:
    resource: str
    matches: tuple[RuleMatch, ...]
    step: Literal["deny rules"] = "deny rules"


@dataclass(frozen=True, slots=True)
class HeaderChange:
    """action: drop (not allowed), remove, add, overwrite, skip (there already)."""

    group: str
    action: str
    header: str


@dataclass(frozen=True, slots=True)
class HeadersStep:
    """What is done to the request's headers when it goes on."""

    resource: str
    changes: tuple[HeaderChange, ...]
    step: Literal["header rewrites"] = "header rewrites"


Step = RouteStep | ParsingStep | LimitsStep | DecodingStep | RulesStep | HeadersStep


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one resource. resource: `DenyRules shop/web`; where: field of its spec. action: put the
    value in its place, or append it to the list. note: what must be done besides."""

    resource: str
    where: str
    action: Literal["set", "append"]
    value: Any
    note: str = ""


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """Nothing was found in the request."""

    kind: Literal["none"] = "none"


@dataclass(frozen=True, slots=True)
class Offered:
    """With these changes the same request passes without a threat: that was tried."""

    changes: tuple[Change, ...]
    kind: Literal["offered"] = "offered"


@dataclass(frozen=True, slots=True)
class NotOffered:
    """There is no change that lets exactly this through."""

    reason: str
    kind: Literal["not offered"] = "not offered"


Remedy = NothingToDo | Offered | NotOffered


@dataclass(frozen=True, slots=True)
class Explanation:
    """verdict: passed (also with threats that are only logged), blocked by what was found in it, or refused
    for another reason. reason: in one phrase."""

    gateway: str
    port: int
    method: str
    verdict: Literal["passed", "blocked", "refused"]
    status: int
    reason: str
    steps: tuple[Step, ...]
    remedy: Remedy
