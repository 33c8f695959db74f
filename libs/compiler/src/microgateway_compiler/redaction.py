"""Secrets leave a manifest before it is mirrored, as `microgateway_common.redact` takes them out of the
configuration that it compiles to: compiling what is left gives the redacted configuration.

    headers: [{name: Authorization, value: …}]                                  text of templates
    header, json, parameter, headers[]: {name or key: {matcher}, value: {matcher: …}}       operands
    spec.logging.accessLog.format.json: {token: …}                              text of templates
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microgateway_common.ir.matching import AnyString, Contains, Exact, Prefix, Regex, StringMatch, Suffix
from microgateway_common.ir.templates import Operator, Text
from microgateway_common.operators import parse_template
from microgateway_common.redact import REDACTED, is_secret_name, may_be_secret, without_credentials
from microgateway_common.resources.telemetry import Telemetry

_MATCHERS: Mapping[str, type[Exact] | type[Prefix] | type[Suffix] | type[Contains] | type[Regex]] = {
    "exact": Exact,
    "prefix": Prefix,
    "suffix": Suffix,
    "contains": Contains,
    "regex": Regex,
}

#: Of metadata, what compiling sees.
_METADATA = ("name", "namespace", "generation", "creationTimestamp")

#: Fields whose objects pick a value by a name.
_NAMED = frozenset({"header", "headers", "json", "parameter"})


def redacted_manifest(raw: Mapping[str, Any]) -> dict[str, Any]:
    """raw: a valid document of one of our kinds; an invalid one may hide a secret anywhere."""
    metadata = {name: value for name, value in raw["metadata"].items() if name in _METADATA}
    spec = _redacted("spec", raw.get("spec", {}))
    if raw["kind"] == Telemetry.__name__:
        match spec:
            case {"logging": {"accessLog": {"format": {"json": dict(members)} as line}}}:
                line["json"] = _json("", members)
    return {"apiVersion": raw["apiVersion"], "kind": raw["kind"], "metadata": metadata, "spec": spec}


def _redacted(field: str, value: Any) -> Any:
    match value:
        case {"name": str(name), "value": str(text)} if field == "headers":
            return {**value, "value": _template(text, is_secret_name(name))}
        case {"value": {"matcher": dict(matcher)}} if field in _NAMED:
            hidden = may_be_secret(_match(value.get("name", value.get("key"))))
            return {**value, "value": {"matcher": _operand(matcher, hidden)}}
        case dict():
            return {name: _redacted(name, each) for name, each in value.items()}
        case list():
            return [_redacted(field, each) for each in value]
        case _:
            return value


def _match(matched: Any) -> StringMatch:
    match matched:
        case {"matcher": dict(matcher)}:
            for name, kind in _MATCHERS.items():
                if name in matcher:
                    return kind(matcher[name], True)
    return AnyString()


def _operand(matcher: Mapping[str, Any], hidden: bool) -> dict[str, Any]:
    return {
        name: value
        if name not in _MATCHERS
        else REDACTED
        if hidden
        else without_credentials(value)
        for name, value in matcher.items()
    }  # fmt: skip


def _json(name: str, value: Any) -> Any:
    """A node of an access log line under its name."""
    match value:
        case str():
            return _template(value, is_secret_name(name))
        case dict():
            return {member: _json(member, each) for member, each in value.items()}
        case list():
            return [_json("", each) for each in value]
        case _:
            return value


def _template(text: str, hidden: bool) -> str:
    try:
        parts = parse_template(text)
    except ValueError:
        return f"{REDACTED}%"  # an error as well, so that nothing compiles that did not before
    return "".join(_operator(part) if isinstance(part, Operator) else _text(part, hidden) for part in parts)


def _text(part: Text, hidden: bool) -> str:
    return (REDACTED if hidden else without_credentials(part.value)).replace("%", "%%")


def _operator(operator: Operator) -> str:
    argument = f"({operator.argument})" if operator.argument else ""
    length = f":{operator.max_length}" if operator.max_length else ""
    return f"%{operator.name}{argument}{length}%"
