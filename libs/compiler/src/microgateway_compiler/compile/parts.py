"""The parts of all resources, each compiled once however many gateways share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from microgateway_common.ir import deny_rules as ir_deny_rules
from microgateway_common.ir import header_rewrites as ir_header_rewrites
from microgateway_common.ir import limits as ir_limits
from microgateway_common.ir import parser as ir_parser
from microgateway_common.ir import telemetry as ir_telemetry
from microgateway_common.ir.origin import DefaultOrigin
from microgateway_common.problems import ObjectRef, Problem
from microgateway_common.resources.deny_rules import DenyRules, DenyRulesSpec
from microgateway_common.resources.header_rewrites import HeaderRewrites, HeaderRewritesSpec
from microgateway_common.resources.limits import Limits, LimitsSpec
from microgateway_common.resources.metadata import Object
from microgateway_common.resources.parser import Parser, ParserSpec
from microgateway_common.resources.telemetry import Telemetry, TelemetrySpec
from microgateway_compiler.resolve import Defaults

from .deny_rules import compile_deny_rules, deny_rules
from .header_rewrites import compile_header_rewrites, header_rewrites
from .limits import compile_limits
from .parser import compile_parser
from .part import Part, origin_of
from .telemetry import compile_telemetry, telemetry

T = TypeVar("T")
_R = TypeVar("_R", bound=Object)

#: Nobody is to blame for defaults; they have no problems (tests/compile/test_parts.py).
_NOBODY = ObjectRef("", "", "")

DEFAULT_PARSER = Part(compile_parser(DefaultOrigin("Parser"), ParserSpec()))
DEFAULT_LIMITS = Part(compile_limits(DefaultOrigin("Limits"), LimitsSpec()))
DEFAULT_DENY_RULES = Part(deny_rules(DefaultOrigin("DenyRules"), DenyRulesSpec()))
DEFAULT_HEADER_REWRITES = header_rewrites(DefaultOrigin("HeaderRewrites"), _NOBODY, HeaderRewritesSpec())
DEFAULT_TELEMETRY = telemetry(DefaultOrigin("Telemetry"), _NOBODY, TelemetrySpec())


class Parts:
    def __init__(self) -> None:
        self._parts: dict[ObjectRef, Part[Any]] = {}

    def forget(self, ref: ObjectRef) -> None:
        """The object is another now, or gone."""
        self._parts.pop(ref, None)

    def parser(self, parser: Parser | Defaults) -> Part[ir_parser.Parser]:
        if isinstance(parser, Defaults):
            return DEFAULT_PARSER
        return self._once(parser, lambda it: Part(compile_parser(origin_of(it), it.spec)))

    def limits(self, limits: Limits | Defaults) -> Part[ir_limits.Limits]:
        if isinstance(limits, Defaults):
            return DEFAULT_LIMITS
        return self._once(limits, lambda it: Part(compile_limits(origin_of(it), it.spec)))

    def deny_rules(self, rules: DenyRules | Defaults) -> Part[ir_deny_rules.DenyRules]:
        return DEFAULT_DENY_RULES if isinstance(rules, Defaults) else self._once(rules, compile_deny_rules)

    def header_rewrites(self, rewrites: HeaderRewrites | Defaults) -> Part[ir_header_rewrites.HeaderRewrites]:
        if isinstance(rewrites, Defaults):
            return DEFAULT_HEADER_REWRITES
        return self._once(rewrites, compile_header_rewrites)

    def telemetry(self, resource: Telemetry | Defaults) -> Part[ir_telemetry.Telemetry]:
        if isinstance(resource, Defaults):
            return DEFAULT_TELEMETRY
        return self._once(resource, compile_telemetry)

    def problems_of(self, resource: Object) -> tuple[Problem, ...]:
        """What is wrong with a resource by itself, whoever refers to it."""
        match resource:
            case DenyRules():
                return self.deny_rules(resource).problems
            case HeaderRewrites():
                return self.header_rewrites(resource).problems
            case Telemetry():
                return self.telemetry(resource).problems
            case _:
                return ()

    def _once(self, resource: _R, compile_it: Callable[[_R], Part[T]]) -> Part[T]:
        part = self._parts.get(resource.ref)
        if part is None:
            part = self._parts[resource.ref] = compile_it(resource)
        return part
