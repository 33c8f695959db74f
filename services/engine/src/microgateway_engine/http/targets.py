"""Request targets (RFC 9112 section 3.2)."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from microgateway_inspection.normal_path import normal_path

from .errors import ProtocolError
from .messages import RequestHead

#: What a target may hold as it is: every visible ASCII character but the fragment's `#`; bytes above
#: 0x7F are taken and percent-encoded, as browsers do before they send.
_VISIBLE = bytes(byte for byte in range(0x21, 0x7F) if byte != 0x23)
_HOST_TEXT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=:[]")


#: Hosts that were looked at and are well-formed: an application has few names.
_MAX_REMEMBERED: Final = 512
_MAX_REMEMBERED_LENGTH: Final = 255
_good_hosts: set[bytes] = set()


class Target(Struct, frozen=True):
    """path: in normal form, starting with `/` (or `*`). query: as sent, without `?`.
    raw: path and query as they go to the application. authority: host and port, for logs."""

    path: str
    query: bytes
    raw: bytes
    authority: bytes


def request_target(head: RequestHead, normalize: bool, merge_slashes: bool) -> Target:
    """The target of a request, its Host checked (RFC 9112 section 3.2). Raises ProtocolError (400, 501)."""
    authority = _host(head)
    target = head.target
    if head.method == "CONNECT":
        raise ProtocolError(501, "CONNECT")
    if target[:1] != b"/":
        if target == b"*" and head.method == "OPTIONS":
            return Target("*", b"", b"*", authority)
        authority, target = _absolute_form(target)
    if target.translate(None, _VISIBLE):
        target = _encode_high_bytes(target)
    raw_path, question, query = target.partition(b"?")
    path = normal_path(raw_path, merge_slashes) if normalize else raw_path
    raw = target if path == raw_path else path + question + query
    return Target(path.decode("ascii"), query, raw, authority)


def _encode_high_bytes(target: bytes) -> bytes:
    out = bytearray()
    for byte in target:
        if byte >= 0x80:
            out += b"%%%02X" % byte
        elif byte in _VISIBLE:
            out.append(byte)
        else:
            raise ProtocolError(400, "a forbidden character in the request target")
    return bytes(out)


def _absolute_form(target: bytes) -> tuple[bytes, bytes]:
    """`http://host/path` as authority and origin form (RFC 9112 section 3.2.2)."""
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise ProtocolError(400, "malformed request target")
    end = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
    authority, path = rest[:end], rest[end:]
    check_host(authority)
    if not authority:
        raise ProtocolError(400, "a request target without a host")
    return authority, path if path[:1] == b"/" else b"/" + path


def _host(head: RequestHead) -> bytes:
    first = head.first
    host = first.get(b"host")
    if host is None:
        if head.version == "HTTP/1.0":
            return b""
        raise ProtocolError(400, "no Host header")
    if len(first) < len(head.headers) and sum(name == b"host" for name, _ in head.headers) > 1:
        raise ProtocolError(400, "more than one Host header")
    if host not in _good_hosts:
        check_host(host)
        if len(host) <= _MAX_REMEMBERED_LENGTH:
            if len(_good_hosts) == _MAX_REMEMBERED:
                _good_hosts.clear()
            _good_hosts.add(host)
    return host


def check_host(host: bytes) -> None:
    """`uri-host [ ":" port ]` (RFC 9110 section 7.2); empty is allowed. Raises ProtocolError (400)."""
    if host.isalnum():
        return
    if not _HOST_TEXT.issuperset(host):
        raise ProtocolError(400, "a forbidden character in the host")
    name, colon, port = host.rpartition(b":")
    if b"]" in port:
        name, colon, port = host, b"", b""
    if not colon:
        name = host
    elif port and not port.isdigit():
        raise ProtocolError(400, "malformed port in the host")
    bracketed = name[:1] == b"[" and name[-1:] == b"]"
    if not bracketed and (b":" in name or b"[" in name or b"]" in name):
        raise ProtocolError(400, "malformed host")
