from __future__ import annotations

from contextlib import suppress
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgateway_inspection.parsing.errors import UnreadableError
from microgateway_inspection.parsing.xml import XmlDocument, parse_xml, paths


def _values(body: bytes) -> list[tuple[str, str]]:
    """Path and text of every value."""
    document = parse_xml(body)
    found = paths(document)
    return [(found[node], value) for node, value in document.values]


def test_texts_and_attributes_have_paths() -> None:
    body = b'<?xml version="1.0"?>\n<o:order id="7"><item n="1">tea</item> <item>rum</item></o:order>'
    assert _values(body) == [
        ("/o:order/@id", "7"),
        ("/o:order/item/@n", "1"),
        ("/o:order/item", "tea"),
        ("/o:order/item", "rum"),
    ]
    assert list(parse_xml(body).names) == ["o:order", "id", "item", "n"]


@pytest.mark.parametrize(
    "content",
    [b"' or 1=1", b"' o<!-- -->r 1=1", b"<![CDATA[' or]]> 1=1", b"&apos; or &#49;=1", b"' or<x/> 1=1"],
)
def test_the_text_of_an_element_is_one_value(content: bytes) -> None:
    assert ("/q", "' or 1=1") in _values(b"<q>" + content + b"</q>")


def test_comments_and_instructions_are_values() -> None:
    assert _values(b"<a><!-- b --><?c d?></a>") == [
        ("/a/comment()", "<!-- b -->"),
        ("/a/processing-instruction(c)", "<?c d?>"),
    ]


@pytest.mark.parametrize("name", ["xi:include", "script", "svg:Script", "java"])
def test_elements_that_are_the_attack_are_told_as_tags(name: str) -> None:
    body = f'<{name} href="file:///x"/>'.encode()
    assert (f"/{name}", f'<{name} href="file:///x">') in _values(body)


def test_an_attribute_of_that_name_hides_nothing() -> None:
    assert ("/a/script", '<script src="x">') in _values(b'<a script="1"><script src="x"/></a>')


def test_measures() -> None:
    document = parse_xml(b'<a x="1" y="2"><b/><b/><b><c z="3"><d/></c></b></a>')
    assert (document.depth, document.attributes, document.children) == (4, 2, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"text",
        b"{}",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>text",
        b"<a b=1/>",
        b'<a b="1" b="2"/>',
        b"<a>&undeclared;</a>",
        b"<a>\xff</a>",
        b"<a>\0</a>",
        b"<a>\xc0\xaf</a>",
        b"<!doctype a><a/>",
        b'<?xml version="1.0" encoding="utf8"?><a>\xc3\xa9</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///x">]><a b="&x;"/>',
    ],
)
def test_malformed(body: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_xml(body)
    assert refused.value.subtype == "xml_malformed"


@pytest.mark.parametrize(
    "body",
    [
        "<a/>".encode("utf-16"),
        "<a/>".encode("utf-16-be"),
        "<a/>".encode("utf-16-le"),
        "<a/>".encode("utf-32"),
        '<?xml version="1.0"?><a/>'.encode("cp037"),
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b'<?xml version="1.0" encoding="UTF-16"?><a/>',
        b'<?xml version="1.0" encoding="cp037"?><a/>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
    ],
)
def test_encodings_in_which_ascii_means_something_else(body: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_xml(body)
    assert refused.value.subtype == "charset"


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "iso-8859-15"])
def test_encodings(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?><a>é</a>'.encode(encoding)
    assert _values(body) == [("/a", "é")]


def test_a_document_type_is_a_value_as_it_was_sent() -> None:
    declared = (
        '<!DOCTYPE a PUBLIC "-//W3C//DTD" "http://x.example/x.dtd"\n [ <!ENTITY e SYSTEM "file:///x"> ]>'
    )
    assert _values(f"<!-- é -->{declared}<a>1</a>".encode())[1] == ("!DOCTYPE", declared)


@pytest.mark.parametrize(
    "declared", [b'<!ENTITY x SYSTEM "file:///x">', b'<!ENTITY % p SYSTEM "http://x.example/">%p;']
)
def test_external_entities_stay_references(declared: bytes) -> None:
    assert _values(b"<!DOCTYPE a [" + declared + b"]><a>1&x;2</a>")[1] == ("/a", "1&x;2")


def test_entities_are_read_as_applications_do() -> None:
    body = b"<!DOCTYPE a [<!ENTITY x \"' o\"><!ENTITY y 'r 1'>]><a b='&x;&y;'>&x;&y;</a>"
    assert _values(body)[1:] == [("/a/@b", "' or 1"), ("/a", "' or 1")]


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE z [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><z>&b;</z>',
        b'<!DOCTYPE z [<!ENTITY a "&#38;b;"><!ENTITY b "x">]><z>&a;</z>',
        b"<!DOCTYPE z [<!ENTITY % a \"<!ENTITY b 'x'>\">%a;]><z>&b;</z>",
        b'<!DOCTYPE z [<!ATTLIST z a CDATA "x">]><z/>',
        b'<!DOCTYPE z [<!ENTITY a "%b">]><z>%b</z>' % (b"x" * 2000, b"&a;" * 2000),
        b'<!DOCTYPE z [<!ENTITY a "%b">]><z b="%b"/>' % (b"x" * 2000, b"&a;" * 2000),
    ],
)
def test_documents_that_grow_are_refused(body: bytes) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_xml(body)
    assert refused.value.subtype == "xml_expansion"


def test_deep_documents_have_short_paths() -> None:
    document = parse_xml(b"<deep>" * 20_000 + b"x" + b"</deep>" * 20_000)
    assert document.depth == 20_000
    assert max(map(len, paths(document))) <= 1024
    assert paths(document)[-1].endswith("/deep")


_NAMES = st.text("abc", min_size=1, max_size=3)
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"]), max_size=8)
_TREES: st.SearchStrategy[tuple[str, dict[str, str], str, list[Any]]] = st.recursive(
    st.tuples(_NAMES, st.dictionaries(_NAMES, _TEXTS, max_size=2), _TEXTS, st.just([])),
    lambda inner: st.tuples(
        _NAMES, st.dictionaries(_NAMES, _TEXTS, max_size=2), _TEXTS, st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)


def _write(tree: tuple[str, dict[str, str], str, list[Any]]) -> str:
    name, attributes, text, children = tree
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{escape(text)}{''.join(map(_write, children))}</{name}>"


@given(_TREES)
def test_finds_every_text_that_elementtree_finds(tree: tuple[str, dict[str, str], str, list[Any]]) -> None:
    body = _write(tree).encode()
    found = [value for _path, value in _values(body)]
    for element in ElementTree.fromstring(body).iter():
        for text in (element.text, *element.attrib.values()):
            assert not text or text.isspace() or text in found


@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [
                b"<",
                b">",
                b"a",
                b"/",
                b"&",
                b";",
                b"<!DOCTYPE a [",
                b"<!ENTITY a ",
                b'"',
                b"]>",
                b"<?",
                b"?>",
                b"%",
                b"\0",
            ]
        ),
        max_size=20,
    ).map(b"".join)
)
def test_never_raises_anything_else(body: bytes) -> None:
    for text in (body, b"<a>" + body + b"</a>", b"<!DOCTYPE a [" + body + b"]><a/>"):
        with suppress(UnreadableError):
            document: XmlDocument = parse_xml(text)
            assert len(paths(document)) == len(document.steps)
