"""XML documents (XML 1.0, fifth edition), read in one pass by expat, nothing fetched and next to nothing
expanded.

Markup is structure: what is looked at are names, the text of each element, attribute values, comments,
processing instructions and the document type declaration as it was sent. Elements whose presence is the
attack (`xi:include`, `script`, `java`) are looked at with their attributes, as a start tag.

External entities stay references, `&x;`. Entities with a text of their own are put in as applications do,
unless that would make the document more than twice as long; whatever else a document type can add
(entities in entities, parameter entities, default attributes) is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from .encoding import check_charset_name
from .errors import UnreadableError

#: Elements that load documents or run code, by their name without a prefix, in lower case.
_TELLING: Final = frozenset(("include", "script", "java"))

#: Where a document of another encoding begins that is no superset of ASCII (XML appendix F).
_WIDE_STARTS: Final = (b"\xfe\xff", b"\xff\xfe", b"\0", b"<\0", b"Lo\xa7\x94")

#: Characters of a path; a longer one keeps its last step only, `//title`.
_MAX_PATH: Final = 1024

_DOCTYPE: Final = "!DOCTYPE"


@dataclass(slots=True)
class XmlDocument:
    """steps, parents: of each node its own step (`title`, `@id`, `comment()`) and the index of its parent,
    -1 for none; parents come first. names: every distinct name, with the first node that has it.
    values: texts with their nodes.

    depth: levels of elements. attributes: of the element with most. children: elements in the element
    with most.
    """

    steps: list[str]
    parents: list[int]
    names: dict[str, int]
    values: list[tuple[int, str]]
    depth: int
    attributes: int
    children: int


def parse_xml(body: bytes) -> XmlDocument:
    """Raises UnreadableError: xml_malformed, xml_expansion, charset."""
    if body.startswith(_WIDE_STARTS):
        raise UnreadableError("charset", "the document's encoding is neither UTF-8 nor Latin-1")
    reader = _Reader(body)
    reader.read()
    return reader.document


def paths(document: XmlDocument) -> list[str]:
    """The path of each node, in XPath: `/rss/channel/item/title`, `/order/@id`. Elements that repeat have the
    same path, so that an exception for one covers all of them."""
    found: list[str] = []
    for step, parent in zip(document.steps, document.parents, strict=True):
        above = found[parent] if parent >= 0 else ""
        if step == _DOCTYPE:
            found.append(step)
        else:
            found.append(f"{above}/{step}" if len(above) + len(step) < _MAX_PATH else f"//{step}")
    return found


class _Reader:
    """Collects a document from expat's events."""

    def __init__(self, body: bytes) -> None:
        self.document = XmlDocument([], [], {}, [], 0, 0, 0)
        self._body = body
        self._open: list[_Element] = []
        self._telling: dict[str, bool] = {}
        self._entities: dict[bytes, int] = {}
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declaration
        parser.EntityDeclHandler = self._entity
        parser.AttlistDeclHandler = self._default_attribute
        parser.EndDoctypeDeclHandler = self._end_of_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.SkippedEntityHandler = self._reference
        parser.ExternalEntityRefHandler = self._external_reference
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction

    def read(self) -> None:
        try:
            self._parser.Parse(self._body, True)
        except expat.ExpatError as error:
            raise UnreadableError("xml_malformed", f"XML is not well-formed: {error}") from None
        finally:
            del self._parser  # it holds on to this reader: without the cycle both go at once

    def _add(self, step: str) -> int:
        self.document.steps.append(step)
        self.document.parents.append(self._open[-1].node if self._open else -1)
        return len(self.document.steps) - 1

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None:
            check_charset_name(encoding.lower().encode())

    def _entity(
        self,
        name: str,
        is_parameter: bool,
        value: str | None,
        _base: str | None,
        _system: str | None,
        _public: str | None,
        _notation: str | None,
    ) -> None:
        if value is None:
            return
        if is_parameter or "&" in value:
            raise UnreadableError("xml_expansion", "the document type declares entities made of entities")
        self._entities.setdefault(name.encode(), len(value.encode()))

    def _default_attribute(self, *_declared: object) -> None:
        raise UnreadableError("xml_expansion", "the document type declares attributes")

    def _end_of_doctype(self) -> None:
        start, end = self._body.find(b"<!DOCTYPE"), self._parser.CurrentByteIndex + 1
        self.document.values.append(
            (self._add(_DOCTYPE), self._body[start:end].decode("utf-8", "backslashreplace"))
        )
        if not self._entities:
            return
        references = (piece.partition(b";")[0] for piece in self._body.split(b"&")[1:])
        if sum(self._entities.get(name, 0) for name in references) > len(self._body):
            raise UnreadableError("xml_expansion", "entities make the document more than twice as long")

    def _start(self, name: str, attributes: list[str]) -> None:
        document = self.document
        if self._open:
            self._open[-1].children += 1
        node = self._add(name)
        self._open.append(_Element(node))
        if len(self._open) > document.depth:
            document.depth = len(self._open)
        if name not in self._telling:
            document.names.setdefault(name, node)
            self._telling[name] = name.rpartition(":")[2].lower() in _TELLING
        if attributes:
            self._attributes(attributes)
        if self._telling[name]:
            pairs = zip(attributes[::2], attributes[1::2], strict=True)
            written = "".join(f' {attribute}="{value}"' for attribute, value in pairs)
            document.values.append((node, f"<{name}{written}>"))

    def _attributes(self, attributes: list[str]) -> None:
        """attributes: names and values in turn."""
        document = self.document
        document.attributes = max(document.attributes, len(attributes) // 2)
        for name, value in zip(attributes[::2], attributes[1::2], strict=True):
            at = self._add(f"@{name}")
            document.names.setdefault(name, at)
            document.values.append((at, value))

    def _end(self, _name: str) -> None:
        element = self._open.pop()
        self.document.children = max(self.document.children, element.children)
        if element.texts:
            text = "".join(element.texts)
            if not text.isspace():
                self.document.values.append((element.node, text))

    def _text(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _reference(self, name: str, _is_parameter: bool) -> None:
        if self._open:
            self._open[-1].texts.append(f"&{name};")

    def _external_reference(
        self, context: str, _base: str | None, _system: str | None, _public: str | None
    ) -> int:
        self._reference(context.rpartition("\f")[2], False)
        return 1

    def _comment(self, text: str) -> None:
        self.document.values.append((self._add("comment()"), f"<!--{text}-->"))

    def _instruction(self, target: str, text: str) -> None:
        at = self._add(f"processing-instruction({target})")
        self.document.values.append((at, f"<?{target} {text}?>"))


@dataclass(slots=True)
class _Element:
    """An element that has begun: its node, the pieces of its text, how many elements are in it."""

    node: int
    texts: list[str] = field(default_factory=list)
    children: int = 0
