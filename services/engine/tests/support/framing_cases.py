"""Requests whose framing two servers might read differently, and what becomes of them here.

Each case names the section that decides it, of RFC 9112 unless it says otherwise. Behind every case
comes another request, `GET /next`: after a request that is taken it is taken too, after one that is
refused it must reach nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

NEXT = b"GET /next HTTP/1.1\r\nHost: shop\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """statuses: what the client is answered. reached: `METHOD target body` that the application reads."""

    section: str
    name: str
    sent: bytes
    statuses: tuple[int, ...]
    reached: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.section}: {self.name}"


def refused(section: str, name: str, sent: bytes, status: int = 400) -> Case:
    return Case(section, name, sent + NEXT, (status,), ())


def taken(section: str, name: str, sent: bytes, reached: str) -> Case:
    return Case(section, name, sent + NEXT, (200, 200), (reached, "GET /next "))


def get(line: bytes = b"GET /a HTTP/1.1", *fields: bytes, host: bytes = b"Host: shop") -> bytes:
    return b"\r\n".join([line, *([host] if host else []), *fields, b"", b""])


def post(*fields: bytes, body: bytes = b"hello", version: bytes = b"1.1") -> bytes:
    return get(b"POST /a HTTP/" + version, *fields) + body


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


_LENGTHS_REFUSED = [
    b"+5", b"-5", b"+0", b"-0", b"--5", b"0x5", b"0b1", b"5,5", b"5, 5", b"5,6", b"5 5", b"5\t5", b"",
    b"five", b"5.0", b"5;", b"5,", b",5", b"1e1", b'"5"', b"5_0", b"null", b"(5)", b"5\xa0",
    "\N{ARABIC-INDIC DIGIT FIVE}".encode(),
    "\N{FULLWIDTH DIGIT FIVE}".encode(),
    b"9" * 19, b"18446744073709551621", b"1" * 400,
]  # fmt: skip
_LENGTHS_TAKEN = [b"5", b"05", b"0000000005", b" 5", b"5 ", b"\t5\t", b"   5   "]

_CODINGS_NOT_KNOWN = [
    b"identity", b"gzip", b"deflate", b"cow", b"trailers", b"chunk", b"xchunked", b"chunkedx", b"chunked,",
    b",chunked", b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"chunked, identity",
    b"identity, chunked", b"chunked;q=1", b"chunked; x", b'"chunked"', b"'chunked'", b"[chunked]", b"",
    b"chunked chunked", b"chunk\xe9d", b"\xa0chunked",
]  # fmt: skip
_CODINGS_TAKEN = [b"chunked", b"Chunked", b"CHUNKED", b" chunked ", b"\tchunked\t", b"cHuNkEd"]

_SMUGGLING_FIELDS = [
    ("5.1", b"Transfer-Encoding : chunked"),
    ("5.1", b"Transfer-Encoding\t: chunked"),
    ("5.1", b"Transfer Encoding: chunked"),
    ("5.1", b"Content-Length : 5"),
    ("5.1", b"Content Length: 5"),
    ("5.1", b"Content-Length\t: 5"),
    ("5.2", b" Transfer-Encoding: chunked"),
    ("5.2", b"\tTransfer-Encoding: chunked"),
    ("5.2", b"X: y\r\n Transfer-Encoding: chunked"),
    ("5.2", b"Transfer-Encoding:\r\n chunked"),
    ("5.2", b"Transfer-Encoding\r\n : chunked"),
    ("5.2", b"Content-Length:\r\n 5"),
    ("2.2", b"X: y\nTransfer-Encoding: chunked"),
    ("2.2", b"X: y\rTransfer-Encoding: chunked"),
    ("2.2", b"X: y\r\r\nTransfer-Encoding: chunked"),
    ("2.2", b"X: y\nContent-Length: 5"),
    ("2.2", b"Content-Length: 5\r"),
    ("RFC 9110 5.5", b"Transfer-Encoding: \x0bchunked"),
    ("RFC 9110 5.5", b"Transfer-Encoding: chunked\x0c"),
    ("RFC 9110 5.5", b"Transfer-Encoding: chunked\0"),
    ("RFC 9110 5.5", b"Transfer-Encoding: \x7fchunked"),
    ("RFC 9110 5.5", b"Content-Length: 5\0"),
    ("RFC 9110 5.5", b"Content-Length: 5\x0b"),
    ("RFC 9110 5.5", b"X: a\x01b"),
    ("RFC 9110 5.1", b"\0Transfer-Encoding: chunked"),
    ("RFC 9110 5.1", b"Transfer-Encoding\0: chunked"),
    ("RFC 9110 5.1", b"Transfer\xadEncoding: chunked"),
    ("RFC 9110 5.1", b"Transfer-Encoding\xa0: chunked"),
    ("RFC 9110 5.1", b"(Content-Length): 5"),
    ("RFC 9110 5.1", b'"Content-Length": 5'),
    ("RFC 9110 5.1", b"Content-Length, X: 5"),
    ("RFC 9110 5.1", b": empty name"),
    ("5", b"no colon at all"),
    ("6.3", b"Content-Length: 5\r\nContent-Length: 5"),
    ("6.3", b"Content-Length: 5\r\nContent-Length: 6"),
    ("6.3", b"Content-Length: 0\r\nContent-Length: 5"),
    ("6.3", b"Content-Length: 5\r\ncontent-length: 0"),
    ("6.3", b"Content-Length: 5\r\nX: y\r\nCONTENT-LENGTH: 5"),
    ("6.3", b"Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 5"),
    ("6.1", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
    ("6.1", b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
    ("6.1", b"Transfer-Encoding: identity\r\nContent-Length: 5"),
    ("6.1", b"Content-Length: 0\r\nTransfer-Encoding: chunked"),
    ("6.1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    ("6.1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    ("6.1", b"Transfer-Encoding: identity\r\ntransfer-encoding: chunked"),
    ("6.1", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
]

_CHUNKS_REFUSED = [
    ("hexadecimal prefix", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("minus", b"-5\r\nhello\r\n0\r\n\r\n"),
    ("minus zero", b"-0\r\n\r\n"),
    ("space before the size", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("space after the size", b"5 \r\nhello\r\n0\r\n\r\n"),
    ("tab after the size", b"5\t\r\nhello\r\n0\r\n\r\n"),
    ("underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    ("no hexadecimal digit", b"g\r\nhello\r\n0\r\n\r\n"),
    ("no size", b"\r\nhello\r\n0\r\n\r\n"),
    ("extension without size", b";a\r\nhello\r\n0\r\n\r\n"),
    ("size of 16 digits", b"0000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("size that overflows", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("comma", b"5,5\r\nhello\r\n0\r\n\r\n"),
    ("wide digit", "\N{FULLWIDTH DIGIT FIVE}\r\nhello\r\n0\r\n\r\n".encode()),
    ("nul", b"5\0\r\nhello\r\n0\r\n\r\n"),
    ("bare lf after the size", b"5\nhello\r\n0\r\n\r\n"),
    ("bare lf everywhere", b"5\nhello\n0\n\n"),
    ("bare cr after the size", b"5\rhello\r\n0\r\n\r\n"),
    ("bare lf in an extension", b"5;a\nhello\r\n0\r\n\r\n"),
    ("bare cr in an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("nul in an extension", b"5;a\0b\r\nhello\r\n0\r\n\r\n"),
    ("endless extension", b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n"),
    ("data longer than its size", b"4\r\nhello\r\n0\r\n\r\n"),
    ("data shorter than its size", b"6\r\nhello\r\n0\r\n\r\n"),
    ("no crlf after data", b"5\r\nhello0\r\n\r\n"),
    ("bare lf after data", b"5\r\nhello\n0\r\n\r\n"),
    ("bare cr after data", b"5\r\nhello\r0\r\n\r\n"),
    ("two bytes after data", b"5\r\nhelloXX0\r\n\r\n"),
    ("bare lf after the last chunk", b"5\r\nhello\r\n0\n\n"),
]

_TRAILERS_REFUSED = [
    ("no colon", b"nothing"),
    ("space before the colon", b"X : y"),
    ("folded", b"X: y\r\n z"),
    ("bare lf", b"X: y\nZ: a"),
    ("a request", b"GET /smuggled HTTP/1.1"),
    ("too long", b"X: " + b"y" * 9000),
]

_CHUNKS_TAKEN = [
    ("plain", b"5\r\nhello\r\n0\r\n\r\n", "hello"),
    ("two", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
    ("none", b"0\r\n\r\n", ""),
    ("leading zeros", b"0005\r\nhello\r\n0000\r\n\r\n", "hello"),
    ("upper case", b"A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    ("lower case", b"a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    ("extension", b"5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello"),
    ("quoted extension", b'5;a="b;c"\r\nhello\r\n0\r\n\r\n', "hello"),
    ("space before an extension", b"5 ;a\r\nhello\r\n0\r\n\r\n", "hello"),
    ("a request as data", b"b\r\nGET / HTTP/\r\n0\r\n\r\n", "GET / HTTP/"),
]

_TRAILERS_TAKEN = [b"X: y", b"Content-Length: 50", b"Transfer-Encoding: chunked", b"Host: evil", b"X:"]

_LINES_REFUSED = [
    ("3", b"GET  /a HTTP/1.1"),
    ("3", b"GET /a  HTTP/1.1"),
    ("3", b"GET /a HTTP/1.1 "),
    ("3", b" GET /a HTTP/1.1"),
    ("3", b"GET\t/a\tHTTP/1.1"),
    ("3", b"GET /a b HTTP/1.1"),
    ("3", b"GET /a HTTP/1.1 HTTP/1.1"),
    ("3", b"GET /a"),
    ("3", b"GET"),
    ("2.2", b"GET /a HTTP/1.1\nX: y"),
    ("2.2", b"GET /a HTTP/1.1\rX: y"),
    ("2.2", b"\rGET /a HTTP/1.1"),
    ("2.2", b"\nGET /a HTTP/1.1"),
    ("2.3", b"GET /a http/1.1"),
    ("2.3", b"GET /a HTTP/1"),
    ("2.3", b"GET /a HTTP/11"),
    ("2.3", b"GET /a HTTP/1.10"),
    ("2.3", b"GET /a HTTP/1."),
    ("2.3", b"GET /a HTTP/.1"),
    ("2.3", b"GET /a HTTP/+1.1"),
    ("2.3", b"GET /a HTTP/1,1"),
    ("2.3", b"GET /a HTTPS/1.1"),
    ("2.3", b"GET /a ICY/1.1"),
    ("RFC 9110 9.1", b"G\0T /a HTTP/1.1"),
    ("RFC 9110 9.1", b"GE(T /a HTTP/1.1"),
    ("RFC 9110 9.1", b"G:ET /a HTTP/1.1"),
    ("RFC 9110 9.1", b"G\xc9T /a HTTP/1.1"),
    ("RFC 9110 9.1", b"A" * 33 + b" /a HTTP/1.1"),
    ("3.2", b"GET /a\0 HTTP/1.1"),
    ("3.2", b"GET /a\x7f HTTP/1.1"),
    ("3.2", b"GET /a#b HTTP/1.1"),
    ("3.2", b"GET a HTTP/1.1"),
    ("3.2", b"GET shop/a HTTP/1.1"),
    ("3.2.2", b"GET ftp://shop/a HTTP/1.1"),
    ("3.2.2", b"GET http:///a HTTP/1.1"),
    ("3.2.2", b"GET http://user@shop/a HTTP/1.1"),
    ("3.2.2", b"GET http://shop:8a/a HTTP/1.1"),
    ("3.2.2", b"GET http:/a HTTP/1.1"),
    ("3.2.4", b"GET * HTTP/1.1"),
]

_HOSTS_REFUSED = [
    b"", b"Host: shop\r\nHost: shop", b"Host: shop\r\nHost: evil", b"Host: a b", b"Host: a/b",
    b"Host: user@shop", b"Host: shop:8a", b"Host: shop:-1", b"Host: a:b:80", b"Host: [::1", b"Host: ::1",
    b"Host: a\\b", b"Host: <a>", b'Host: "a"', b"Host: a?b", b"Host: a#b", b"Host: \xe9", b"Host: a\0",
]  # fmt: skip
_HOSTS_TAKEN = [
    b"Host: shop:80",
    b"Host: shop:",
    b"Host: [::1]",
    b"Host: [::1]:80",
    b"Host: a.b-c_d",
    b"Host:",
]

CASES: list[Case] = [
    *(
        refused("6.3", f"length {value[:24]!r}", post(b"Content-Length: " + value))
        for value in _LENGTHS_REFUSED
    ),
    *(
        taken("6.3", f"length {value!r}", post(b"Content-Length:" + value), "POST /a hello")
        for value in _LENGTHS_TAKEN
    ),
    taken("6.3", "length 0", post(b"Content-Length: 0", body=b""), "POST /a "),
    taken("6.3", "no length is no body", post(body=b""), "POST /a "),
    taken(
        "6.3", "a GET with a body", get(b"GET /a HTTP/1.1", b"Content-Length: 5") + b"hello", "GET /a hello"
    ),
    *(
        refused(
            "6.1",
            f"coding {value!r}",
            post(b"Transfer-Encoding: " + value, body=b"5\r\nhello\r\n0\r\n\r\n"),
            501,
        )
        for value in _CODINGS_NOT_KNOWN
    ),
    *(
        taken(
            "7",
            f"coding {value!r}",
            post(b"Transfer-Encoding:" + value, body=b"5\r\nhello\r\n0\r\n\r\n"),
            "POST /a hello",
        )
        for value in _CODINGS_TAKEN
    ),
    refused(
        "6.1",
        "chunks in HTTP/1.0",
        post(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n", version=b"1.0"),
    ),
    *(
        refused(section, f"field {field!r}", post(field, body=b"5\r\nhello\r\n0\r\n\r\n"))
        for section, field in _SMUGGLING_FIELDS
    ),
    *(refused("7.1", f"chunk with {name}", chunked(body)) for name, body in _CHUNKS_REFUSED),
    *(
        refused("7.1.2", f"trailer with {name}", chunked(b"5\r\nhello\r\n0\r\n" + trailer + b"\r\n\r\n"))
        for name, trailer in _TRAILERS_REFUSED
    ),
    refused("7.1.2", "too many trailers", chunked(b"0\r\n" + b"X: y\r\n" * 300 + b"\r\n"), 431),
    *(
        taken("7.1", f"chunks: {name}", chunked(body), f"POST /a {read}")
        for name, body, read in _CHUNKS_TAKEN
    ),
    *(
        taken(
            "7.1.2",
            f"trailer {field!r}",
            chunked(b"5\r\nhello\r\n0\r\n" + field + b"\r\n\r\n"),
            "POST /a hello",
        )
        for field in _TRAILERS_TAKEN
    ),
    *(refused(section, f"line {line[:40]!r}", get(line)) for section, line in _LINES_REFUSED),
    *(
        refused("2.3", f"version {version!r}", get(b"GET /a HTTP/" + version), 505)
        for version in (b"0.9", b"2.0", b"3.0", b"9.9", b"0.0")
    ),
    refused("RFC 9113 3.4", "half a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nMS\r\n\r\n", 505),
    refused("3", "handshake of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    refused("3", "proxy protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get()),
    refused("3.2.3", "tunnel", get(b"CONNECT shop:443 HTTP/1.1"), 501),
    *(refused("3.2", f"host {host!r}", get(host=host)) for host in _HOSTS_REFUSED),
    *(taken("3.2", f"host {host!r}", get(host=host), "GET /a ") for host in _HOSTS_TAKEN),
    refused("2.3", "head above the limit", get(b"GET /a HTTP/1.1", b"X: " + b"y" * 5000), 431),
    refused("2.3", "endless head", b"GET /a HTTP/1.1\r\nX: " + b"y" * 10_000, 431),
    refused("5", "fields without end", get(b"GET /a HTTP/1.1", *[b"X: y"] * 300), 431),
    taken("2.2", "empty lines first", b"\r\n\r\n\r\n" + get(), "GET /a "),
    taken("2.3", "higher minor version", get(b"GET /a HTTP/1.2"), "GET /a "),
    taken("3.2.2", "absolute form", get(b"GET http://shop/a HTTP/1.1"), "GET /a "),
    taken("3.2.2", "absolute form without path", get(b"GET http://shop HTTP/1.1"), "GET / "),
    taken("3.2.4", "asterisk form", get(b"OPTIONS * HTTP/1.1"), "OPTIONS * "),
    taken("3", "unknown method", get(b"BREW /a HTTP/1.1"), "BREW /a "),
    taken("5", "empty value", get(b"GET /a HTTP/1.1", b"X:"), "GET /a "),
    taken("5", "no space after the colon", get(b"GET /a HTTP/1.1", b"X:y"), "GET /a "),
    taken(
        "RFC 9110 7.6.1",
        "length named as hop by hop",
        post(b"Connection: content-length", b"Content-Length: 5"),
        "POST /a hello",
    ),
    taken(
        "RFC 9110 7.6.1",
        "coding named as hop by hop",
        post(
            b"Connection: transfer-encoding",
            b"Transfer-Encoding: chunked",
            body=b"5\r\nhello\r\n0\r\n\r\n",
        ),
        "POST /a hello",
    ),
    Case(
        "9.6",
        "after a last request",
        get(b"GET /a HTTP/1.1", b"Connection: close") + NEXT,
        (200,),
        ("GET /a ",),
    ),
    Case(
        "6.3",
        "what follows a body begins a request",
        post(b"Content-Length: 2") + NEXT,
        (200, 200),
        ("POST /a he", "lloGET /next "),
    ),
    Case("6.3", "without a length too", post() + NEXT, (200, 200), ("POST /a ", "helloGET /next ")),
]
