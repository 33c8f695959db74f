"""The text of a manifest file as documents.

    text ─ split at `---` ─► chunk ─ read_value ─► mapping ─ flatten List ─► Document
                                └──────► Problem (one document; its neighbours are read all the same)

`---` at the start of a line ends a document wherever it stands, also inside a block scalar
(YAML 1.2, section 9.1.1), so splitting before parsing loses nothing and keeps a syntax error local.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from microgateway_common.problems import DocumentRef, Problem, Reason

from .yaml_values import NothingThere, Value, YamlError, read_value

#: Bytes of one file. etcd refuses objects above 1.5 MiB, so even a List of a few fits.
MAX_BYTES = 4 * 1024 * 1024

#: Documents of one file, empty ones too. 500 gateways with all their policies are some 3,000.
MAX_DOCUMENTS = 20_000


@dataclass(frozen=True, slots=True)
class Document:
    """A mapping that should be a Kubernetes object. line: 1-based, where the mapping begins."""

    path: str
    line: int
    raw: dict[str, Any]

    @property
    def ref(self) -> DocumentRef:
        return DocumentRef(self.path, self.line)


def read_documents(path: str, content: str | bytes) -> list[Document | Problem]:
    """The documents of a file in order; a document that cannot be read is a MALFORMED problem."""
    text = _text(path, content)
    if isinstance(text, Problem):
        return [text]
    chunks = list(islice(_split(text), MAX_DOCUMENTS + 1))
    if len(chunks) > MAX_DOCUMENTS:
        return [_malformed(DocumentRef(path, chunks[-1][0]), f"at most {MAX_DOCUMENTS} documents", "more")]
    return [document for line, chunk in chunks for document in _read_chunk(path, line, chunk)]


def _text(path: str, content: str | bytes) -> str | Problem:
    size = len(content) if isinstance(content, bytes) else len(content.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return _malformed(DocumentRef(path, 1), f"at most {MAX_BYTES} bytes", f"{size}")
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _malformed(DocumentRef(path, line), "UTF-8 text", f"byte 0x{content[error.start]:02x}")


def _split(text: str) -> Iterator[tuple[int, str]]:
    """`(1-based line of the first line, text)` of each document."""
    first, lines = 1, list[str]()
    for number, line in enumerate(text.split("\n"), start=1):
        if _is_marker(line, "---"):
            yield first, "\n".join(lines)
            # The marker becomes white space of its own width: columns and `--- text` stay what they are.
            first, lines = number, ["   " + line[3:]]
        elif _is_marker(line, "..."):
            yield first, "\n".join(lines)
            first, lines = number, [""]
        else:
            lines.append(line)
    yield first, "\n".join(lines)


def _is_marker(line: str, marker: str) -> bool:
    return line.startswith(marker) and line[3:4] in ("", " ", "\t", "\r")


def _read_chunk(path: str, first: int, chunk: str) -> Iterator[Document | Problem]:
    if _is_empty(chunk):
        return
    start = first + _lines_before_content(chunk)
    try:
        value = read_value(chunk)
    except NothingThere:
        return
    except YamlError as error:
        got = f"{error.got} at line {first + error.line - 1}"
        yield _malformed(DocumentRef(path, start), error.expected, got)
        return
    yield from _flatten(path, first, value)


def _is_empty(chunk: str) -> bool:
    """Blank lines, comments and directives (`%YAML 1.2`, which stand before their `---`) only."""
    return all(
        not line.strip() or line.lstrip().startswith("#") or line.startswith("%")
        for line in chunk.split("\n")
    )


def _lines_before_content(chunk: str) -> int:
    for count, line in enumerate(chunk.split("\n")):
        if line.strip() and not line.lstrip().startswith("#"):
            return count
    return 0


def _flatten(path: str, first: int, value: Value) -> Iterator[Document | Problem]:
    """The document itself, or the items of a List, lists in lists included."""
    pending = [(value.root, value.line)]
    while pending:
        root, relative_line = pending.pop()
        line = first + relative_line - 1
        match root:
            case {"kind": str(kind), "items": list(items)} if kind.endswith("List"):
                pending += [(item, value.lines.get(id(item), relative_line)) for item in reversed(items)]
            case dict():
                yield Document(path, line, root)
            case None:
                continue
            case _:
                yield _malformed(
                    DocumentRef(path, line), "a mapping with apiVersion and kind", _type_of(root)
                )


def _type_of(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case _:
            return "a list"


def _malformed(subject: DocumentRef, expected: str, got: str) -> Problem:
    return Problem(subject, "", expected, got, reason=Reason.MALFORMED)
