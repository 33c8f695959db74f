"""Command operators: the language of header values and access logs.

    %REQ(X-Tenant?X-Org):20%      name, argument and the most characters that are taken
    %%                            a percent sign

Names and meanings are Envoy's ("Access logging", command operators) and those that the documentation
of CR Telemetry adds to them. An operator for something this gateway does not have, such as a trace, is
read as well: its value is missing in every request.
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import Enum, auto
from typing import Final, NamedTuple

from .ir.templates import Operator, Template, Text
from .time_formats import time_format


class Argument(Enum):
    """What stands in the parentheses."""

    NONE = auto()
    HEADER = auto()  # `NAME` or `NAME?ALTERNATIVE`; pseudo headers as `:PATH`
    TIME_FORMAT = auto()  # may be left out
    KEY = auto()  # of metadata or state: anything
    VARIABLE = auto()  # an environment variable


class Kind(Enum):
    """What comes out where the value is not part of a longer text: only texts can be cut to a length."""

    TEXT = auto()
    NUMBER = auto()
    STRUCTURE = auto()


class Signature(NamedTuple):
    kind: Kind
    argument: Argument = Argument.NONE


#: What `%ENVIRONMENT(…)%` may read. Others could hold secrets of the engine, and whoever writes a
#: header rewrite must not be able to send them to a client.
ENVIRONMENT_VARIABLES: Final = frozenset(
    ("ENGINE_VERSION", "HOSTNAME", "NODE_NAME", "POD_IP", "POD_NAME", "POD_NAMESPACE")
)


def _names(text: str) -> list[str]:
    return text.split()


_WITH_ARGUMENT: Final = {
    "REQ": Signature(Kind.TEXT, Argument.HEADER),
    "REQ_WITHOUT_QUERY": Signature(Kind.TEXT, Argument.HEADER),
    "RESP": Signature(Kind.TEXT, Argument.HEADER),
    "START_TIME": Signature(Kind.TEXT, Argument.TIME_FORMAT),
    "END_TIME": Signature(Kind.TEXT, Argument.TIME_FORMAT),
    "DYNAMIC_METADATA": Signature(Kind.TEXT, Argument.KEY),
    "DOWNSTREAM_PEER_CERT_V_START": Signature(Kind.TEXT, Argument.TIME_FORMAT),
    "DOWNSTREAM_PEER_CERT_V_END": Signature(Kind.TEXT, Argument.TIME_FORMAT),
    "ENVIRONMENT": Signature(Kind.TEXT, Argument.VARIABLE),
}

_TEXTS: Final = _names("""
    DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT
    DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT
    DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN
    DOWNSTREAM_PEER_CERT DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_PEER_FINGERPRINT_1
    DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_SUBJECT
    DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_VERSION
    DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
    HOSTNAME HTTP_HOST HTTP_VERSION LOG_CORRELATION PROTOCOL REQUESTED_SERVER_NAME
    REQ_MIME_TYPE RESP_MIME_TYPE
    RESPONSE_CODE_DETAILS RESPONSE_FLAGS STREAM_ID SUMMARY_ACTION
    UPSTREAM_CLUSTER UPSTREAM_HOST UPSTREAM_HTTP_VERSION UPSTREAM_PROTOCOL
    UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
""")

_NUMBERS: Final = _names("""
    BYTES_RECEIVED BYTES_SENT DURATION DURATION_IN_NANOSECONDS
    DOWNSTREAM_DIRECT_REMOTE_PORT DOWNSTREAM_LOCAL_PORT DOWNSTREAM_REMOTE_PORT
    REQUEST_HEADERS_AND_BODY_BYTES REQUEST_HEADERS_BYTES RESPONSE_CODE RESPONSE_DURATION
    RESPONSE_HEADERS_AND_BODY_BYTES RESPONSE_HEADERS_BYTES RESPONSE_TX_DURATION
    UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT
""")

_STRUCTURES: Final = _names("""
    BLOCK_ACTION DENY_RULES EVENT_TYPE HEADER_REWRITES LIMITS LOG_ONLY_ACTIONS PARSER
""")

#: Operators whose value is always missing here: TLS with the application, trailers, access control,
#: tracing and Envoy's inner state.
UNAVAILABLE: Final = frozenset(
    _names("""
    ACCESS_CONTROL AUTHENTICATION CONNECTION_ID CONNECTION_TERMINATION_DETAILS CUSTOM_FLAGS
    DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TRANSPORT_FAILURE_REASON
    ENCODING FILTER_CHAIN_NAME FILTER_STATE GRAPHQL GRPC_STATUS
    GRPC_STATUS_NUMBER OPENAPI ROUTE_NAME SESSION_ID TRACE_ID TRAILER
    UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_PORT UPSTREAM_METADATA
    UPSTREAM_PEER_CERT UPSTREAM_PEER_ISSUER UPSTREAM_PEER_SUBJECT UPSTREAM_TLS_CIPHER
    UPSTREAM_TLS_SESSION_ID UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON
    """)
)

#: Every operator there is.
OPERATORS: Final[dict[str, Signature]] = {
    **_WITH_ARGUMENT,
    **dict.fromkeys(_TEXTS, Signature(Kind.TEXT)),
    **dict.fromkeys(_NUMBERS, Signature(Kind.NUMBER)),
    **dict.fromkeys(_STRUCTURES, Signature(Kind.STRUCTURE)),
    **dict.fromkeys(UNAVAILABLE, Signature(Kind.TEXT, Argument.KEY)),
}

#: The pseudo headers of requests (RFC 9113 section 8.3.1) and of responses (section 8.3.2).
PSEUDO_HEADERS: Final = frozenset((":authority", ":method", ":path", ":scheme", ":status"))

_NAME: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
_DIGITS: Final = frozenset("0123456789")
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def parse_template(text: str) -> Template:
    """Raises ValueError: position (in characters, from 0), what was expected and what came."""
    parts: list[Text | Operator] = []
    literal = ""
    position = 0
    while position < len(text):
        percent = text.find("%", position)
        if percent < 0:
            literal += text[position:]
            break
        literal += text[position:percent]
        if text[percent + 1 : percent + 2] == "%":
            literal += "%"
            position = percent + 2
            continue
        if literal:
            parts.append(Text(literal))
            literal = ""
        operator, position = _operator(text, percent)
        try:
            check_operator(operator)
        except ValueError as error:
            raise ValueError(f"position {percent}: {error}") from error
        parts.append(operator)
    if literal:
        parts.append(Text(literal))
    return tuple(parts)


def check_operator(operator: Operator) -> None:
    """Raises ValueError when there is no such operator, or not with this argument or length."""
    signature = OPERATORS.get(operator.name)
    if signature is None:
        raise ValueError(f"expected a command operator{_hint(operator.name)}, got %{operator.name}%")
    try:
        _check_argument(signature.argument, operator)
    except ValueError as error:
        raise ValueError(f"%{operator.name}%: {error}") from error
    if operator.max_length and signature.kind is not Kind.TEXT:
        raise ValueError(f"%{operator.name}%: expected no length, got :{operator.max_length}")


def header_alternatives(argument: str) -> tuple[str, ...]:
    """The header names of `NAME` or `NAME?ALTERNATIVE` in lower case, in order of preference."""
    return tuple(argument.lower().split("?"))


def _operator(text: str, percent: int) -> tuple[Operator, int]:
    """The operator that starts at a percent sign, and the position after it."""
    end = percent + 1
    while end < len(text) and text[end] in _NAME:
        end += 1
    name = text[percent + 1 : end]
    if not name:
        raise _unexpected(text, end, "a command operator such as %PROTOCOL%, or %% for a percent sign")
    argument = ""
    if text[end : end + 1] == "(":
        closing = text.find(")", end)
        if closing < 0:
            raise _unexpected(text, len(text), f"a closing parenthesis after %{name}(")
        argument = text[end + 1 : closing]
        if not argument:
            raise _unexpected(text, closing, f"an argument in %{name}()")
        end = closing + 1
    max_length = 0
    if text[end : end + 1] == ":":
        start = end = end + 1
        while end < len(text) and text[end] in _DIGITS:
            end += 1
        digits = text[start:end]
        if not 1 <= len(digits) <= 9 or not int(digits):
            raise _unexpected(text, start, "a length from 1 to 999999999")
        max_length = int(digits)
    if text[end : end + 1] != "%":
        raise _unexpected(text, end, f"the percent sign that ends %{name}")
    return Operator(name, argument, max_length), end + 1


def _check_argument(wanted: Argument, operator: Operator) -> None:
    argument = operator.argument
    match wanted:
        case Argument.NONE:
            if argument:
                raise ValueError(f"expected no argument, got {argument!r}")
        case Argument.HEADER:
            names = header_alternatives(argument)
            if len(names) > 2 or not all(_is_header(name) for name in names):
                raise ValueError(f"expected a header name, or NAME?ALTERNATIVE, got {argument!r}")
        case Argument.TIME_FORMAT:
            time_format(argument)
        case Argument.VARIABLE:
            if argument not in ENVIRONMENT_VARIABLES:
                raise ValueError(
                    f"expected one of {', '.join(sorted(ENVIRONMENT_VARIABLES))}, got {argument!r}"
                )
        case Argument.KEY:
            pass


def _is_header(name: str) -> bool:
    return name in PSEUDO_HEADERS or (bool(name) and _TOKEN.issuperset(name))


def _hint(name: str) -> str:
    close = get_close_matches(name, OPERATORS, n=1, cutoff=0.6)
    return f" (did you mean %{close[0]}%?)" if close else ""


def _unexpected(text: str, position: int, expected: str) -> ValueError:
    got = repr(text[position : position + 20]) if position < len(text) else "the end"
    return ValueError(f"position {position}: expected {expected}, got {got}")
