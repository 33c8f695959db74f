from __future__ import annotations

from microgateway_common.problems import ObjectRef
from microgateway_reconciler.kubernetes.book import Book, Entry
from microgateway_reconciler.sources.changes import ObjectGone, ObjectPresent, StatusSeen

REF = ObjectRef("Limits", "shop", "x")


def test_a_book_follows_objects_and_their_statuses() -> None:
    book = Book()
    book.take([ObjectPresent(REF, {}, "u", 1, {}), StatusSeen(REF, {"status": "Active"})])
    assert book.get(REF) == Entry("u", 1, {"status": "Active"})
    assert list(book) == [REF]
    book.wrote(REF, {"status": "Error"})
    assert book.get(REF) == Entry("u", 1, {"status": "Error"})
    book.take([ObjectGone(REF)])
    assert book.get(REF) is None


def test_what_is_gone_stays_gone_when_its_status_was_just_written() -> None:
    book = Book()
    book.wrote(REF, {"status": "Active"})
    book.take([ObjectGone(REF), StatusSeen(REF, {})])
    assert book.get(REF) is None
