from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgateway_common.problems import DocumentRef, Problem, Reason
from microgateway_compiler.documents import MAX_BYTES, MAX_DOCUMENTS, Document, read_documents


def read(content: str | bytes) -> list[Document | Problem]:
    return read_documents("f.yaml", content)


def raws(content: str | bytes) -> list[object]:
    return [document.raw if isinstance(document, Document) else str(document) for document in read(content)]


def test_documents_know_their_path_and_line() -> None:
    text = "# comment\n\na: 1\n---\n# comment\nb: 2\n--- {c: 3}\n...\nd: 4\n"
    assert read(text) == [
        Document("f.yaml", 3, {"a": 1}),
        Document("f.yaml", 6, {"b": 2}),
        Document("f.yaml", 7, {"c": 3}),
        Document("f.yaml", 9, {"d": 4}),
    ]


def test_a_bad_document_does_not_lose_its_neighbours() -> None:
    assert raws("a: 1\n---\nb: [\n---\nc: 3") == [
        {"a": 1},
        "f.yaml:3: expected YAML, got did not find expected node content at line 3",
        {"c": 3},
    ]


def test_dashes_inside_an_indented_block_are_text() -> None:
    assert raws("a: |\n  ---\n  b\n---\nc: 1") == [{"a": "---\nb\n"[:-1]}, {"c": 1}]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# only\n# comments", "---\n---\n", "%YAML 1.2\n---\n", "---\n~\n"]
)
def test_empty_documents_are_nothing(text: str) -> None:
    assert read(text) == []


def test_a_directive_belongs_to_the_document_after_it() -> None:
    assert read("%YAML 1.2\n---\na: 1") == [Document("f.yaml", 3, {"a": 1})]


def test_a_byte_order_mark_is_no_content() -> None:
    assert raws("\ufeffa: 1") == raws("\ufeffa: 1".encode()) == [{"a": 1}]


def test_windows_line_ends_are_line_ends() -> None:
    assert read("a: 1\r\n---\r\nb: 2\r\n") == [
        Document("f.yaml", 1, {"a": 1}),
        Document("f.yaml", 3, {"b": 2}),
    ]


def test_json_is_a_document() -> None:
    assert raws('{\n\t"a": {"b": [1, "\\u00e9"]}\n}') == [{"a": {"b": [1, "é"]}}]


def test_lists_are_flattened_and_each_item_has_its_line() -> None:
    text = "kind: List\nitems:\n- kind: A\n- kind: PodList\n  items:\n  - kind: B\n- kind: C\n- 5\n"
    assert read(text) == [
        Document("f.yaml", 3, {"kind": "A"}),
        Document("f.yaml", 4, {"kind": "B"}),
        Document("f.yaml", 7, {"kind": "C"}),
        malformed(1, "a mapping with apiVersion and kind", "a number"),
    ]


@pytest.mark.parametrize(
    ("text", "got"), [("text", "a string"), ("- 1", "a list"), ("5", "a number"), ("true", "a boolean")]
)
def test_what_is_no_mapping_is_a_problem(text: str, got: str) -> None:
    assert read(text) == [malformed(1, "a mapping with apiVersion and kind", got)]


@pytest.mark.parametrize(
    ("content", "size"),
    [(b"a: 1\n" + b"#" * MAX_BYTES, MAX_BYTES + 5), ("é" * (MAX_BYTES // 2 + 1), MAX_BYTES + 2)],
    ids=["bytes", "text"],
)
def test_a_file_above_four_mebibytes_is_refused_whole(content: str | bytes, size: int) -> None:
    assert read(content) == [malformed(1, f"at most {MAX_BYTES} bytes", f"{size}")]


def test_the_number_of_documents_is_bounded() -> None:
    assert read("---\n" * 500_000) == [malformed(MAX_DOCUMENTS, f"at most {MAX_DOCUMENTS} documents", "more")]


def test_a_manifest_of_one_mebibyte_is_fine() -> None:
    [document] = read("items_:\n" + "- {name: example, value: 12, flag: true}\n" * 25_000)
    assert isinstance(document, Document)


def test_bytes_that_are_no_utf_8_are_a_problem_at_their_line() -> None:
    assert read(b"a: 1\nb: \xff") == [malformed(2, "UTF-8 text", "byte 0xff")]


LINES = st.sampled_from(["a: 1", "---", "...", "- b", "k: [", "  x", "# c", "%YAML 1.2", "", "|"])


@settings(max_examples=200)
@given(st.lists(LINES, max_size=12))
def test_any_lines_give_documents_or_problems_with_lines_of_the_file(lines: list[str]) -> None:
    for document in read("\n".join(lines)):
        subject = document.ref if isinstance(document, Document) else document.subject
        assert isinstance(subject, DocumentRef)
        assert 1 <= subject.line <= max(len(lines), 1)


def malformed(line: int, expected: str, got: str) -> Problem:
    return Problem(DocumentRef("f.yaml", line), "", expected, got, reason=Reason.MALFORMED)
