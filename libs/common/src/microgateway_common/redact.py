"""Secrets leave a compiled configuration before people see it.

What is replaced by REDACTED:
- fixed text in the value of an added header whose name is secret-like (command operators stay: they
  name where a value comes from, and are none);
- the same in an access log member whose name is secret-like;
- the value that a rule or condition looks for in a header, parameter or JSON key that is, or may be,
  secret-like;
- any fixed text that is a credential by its form, `Bearer …` or `Basic …`, whatever it is named.

A name that may match more than one is taken as secret-like when it may match a secret one: what is
hidden for nothing is an inconvenience, what is shown by mistake is a leak.
"""

from __future__ import annotations

from typing import TypeVar, assert_never

import msgspec
from msgspec import Struct

from microgateway_common.ir.data import HeaderData, JsonData, ParameterData
from microgateway_common.ir.gateway import GatewayConfig
from microgateway_common.ir.header_rewrites import NewHeader
from microgateway_common.ir.matching import (
    AnyString,
    Contains,
    Exact,
    HeaderMatch,
    Prefix,
    Regex,
    StringMatch,
    Suffix,
)
from microgateway_common.ir.telemetry import JsonObject, JsonText
from microgateway_common.ir.templates import Template, Text

REDACTED = "[redacted]"

#: A name is secret-like when it holds one of these, without regard to case, `-`, `_` and `.`.
_SECRET_WORDS = (
    "authorization",
    "authentication",
    "cookie",
    "token",
    "secret",
    "passwd",
    "password",
    "passphrase",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "sharedkey",
    "subscriptionkey",
    "signature",
    "session",
    "csrf",
    "xsrf",
    "jwt",
    "otp",
    "pincode",
)

#: Names that patterns are tried against; a pattern that may match one of them is secret-like.
_SECRET_NAMES = (
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-amz-security-token",
    "password",
    "client_secret",
)

#: Authentication schemes (RFC 9110, section 11) whose credentials follow the word.
_SCHEMES = ("bearer ", "basic ", "digest ", "negotiate ", "token ", "apikey ")

T = TypeVar("T")


def redact(config: GatewayConfig) -> GatewayConfig:
    """The same configuration without its secrets."""
    return _walk(config)


def is_secret_name(name: str) -> bool:
    """Whether values under this name are secrets."""
    plain = _plain(name)
    return any(word in plain for word in _SECRET_WORDS) or plain == "xauth"


def may_be_secret(name: StringMatch) -> bool:
    """Whether the match picks, or may pick, a secret-like name. Matching any name does not count."""
    match name:
        case AnyString():
            return False
        case Exact(value, _):
            return is_secret_name(value)
        case Prefix(value, _):
            return is_secret_name(value) or any(each.startswith(value.lower()) for each in _SECRET_NAMES)
        case Suffix(value, _):
            return is_secret_name(value) or any(each.endswith(value.lower()) for each in _SECRET_NAMES)
        case Contains(value, _):
            return is_secret_name(value) or any(value.lower() in each for each in _SECRET_NAMES)
        case Regex():
            return True
        case _:
            assert_never(name)


def _walk(value: T) -> T:
    redacted: object
    match value:
        case NewHeader(name, template):
            redacted = NewHeader(name, _template(template, is_secret_name(name)))
        case HeaderMatch(name, looked_for):
            redacted = HeaderMatch(name, _looked_for(name, looked_for))
        case HeaderData(name, looked_for):
            redacted = HeaderData(name, _looked_for(name, looked_for))
        case ParameterData(name, looked_for, source):
            redacted = ParameterData(name, _looked_for(name, looked_for), source)
        case JsonData(location, key, looked_for):
            redacted = JsonData(location, key, _looked_for(key, looked_for))
        case JsonObject(members):
            redacted = JsonObject(
                tuple(
                    (name, JsonText(_template(node.template, is_secret_name(name))))
                    if isinstance(node, JsonText)
                    else (name, _walk(node))
                    for name, node in members
                )
            )
        case Text(text):
            redacted = Text(without_credentials(text))
        case Struct():
            redacted = msgspec.structs.replace(
                value, **{field: _walk(getattr(value, field)) for field in value.__struct_fields__}
            )
        case tuple():
            redacted = tuple(_walk(each) for each in value)
        case dict():
            redacted = {key: _walk(each) for key, each in value.items()}
        case _:
            redacted = value
    return redacted  # type: ignore[return-value] # each case returns the type that it was given


def _template(template: Template, secret: bool) -> Template:
    return tuple(
        Text(REDACTED if secret else without_credentials(part.value)) if isinstance(part, Text) else part
        for part in template
    )


def without_credentials(text: str) -> str:
    """A credential keeps its scheme."""
    for scheme in _SCHEMES:
        if text.lower().startswith(scheme) and text[len(scheme) :].strip():
            return text[: len(scheme)] + REDACTED
    return text


def _looked_for(name: StringMatch, value: StringMatch) -> StringMatch:
    if isinstance(value, AnyString):
        return value
    shown = REDACTED if may_be_secret(name) else without_credentials(value.value)
    return msgspec.structs.replace(value, value=shown)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(".", "")
