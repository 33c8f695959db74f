from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from microgateway_reconciler.sources.directory import (
    MAX_BYTES,
    REMOVAL_GRACE,
    Change,
    DirectorySource,
    FileContent,
    FileRemoved,
    FileUnreadable,
    manifest_files,
    read_settled,
)

#: Waits for the next batch of changes.
Next = Callable[[], Awaitable[list[Change]]]


@pytest.fixture
async def batches(tmp_path: Path) -> AsyncIterator[Next]:
    """The source of a folder with one file, its first batch taken."""
    (tmp_path / "a.yaml").write_text("a: 1")
    source = DirectorySource([tmp_path]).batches()
    assert await anext(source) == [FileContent(str(tmp_path / "a.yaml"), b"a: 1")]

    async def next_batch() -> list[Change]:
        async with asyncio.timeout(30):
            return await anext(source)

    yield next_batch
    await source.aclose()  # type: ignore[attr-defined]


async def test_what_changes_follows_what_there_is(batches: Next, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 2")
    assert await batches() == [FileContent(str(tmp_path / "a.yaml"), b"a: 2")]
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.json").write_text("{}")
    assert await batches() == [FileContent(str(tmp_path / "below" / "b.json"), b"{}")]


async def test_a_file_is_read_when_its_writer_has_closed_it(batches: Next, tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("w") as file:
        file.write("a: ")
        file.flush()
        waiting = asyncio.ensure_future(batches())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        file.write("3")
    assert await waiting == [FileContent(str(tmp_path / "a.yaml"), b"a: 3")]


async def test_a_file_that_is_away_for_a_moment_is_not_removed(batches: Next, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.rename(tmp_path / "a.yaml~")
    await asyncio.sleep(REMOVAL_GRACE / 3)
    path.write_text("a: back")
    assert await batches() == [FileContent(str(path), b"a: back")]


async def test_a_file_that_stays_away_is_removed(batches: Next, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").unlink()
    assert await batches() == [FileRemoved(str(tmp_path / "a.yaml"))]


async def test_mounted_config_maps_are_swapped_by_links(tmp_path: Path) -> None:
    """As the kubelet does: `a.yaml` → `..data/a.yaml`, `..data` → a folder per revision."""
    for revision in ("1", "2"):
        folder = tmp_path / f"..{revision}"
        folder.mkdir()
        (folder / "a.yaml").write_text(f"revision: {revision}")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    source = DirectorySource([tmp_path]).batches()
    assert await anext(source) == [FileContent(str(tmp_path / "a.yaml"), b"revision: 1")]
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    async with asyncio.timeout(30):
        assert await anext(source) == [FileContent(str(tmp_path / "a.yaml"), b"revision: 2")]
    await source.aclose()  # type: ignore[attr-defined]


async def test_other_files_are_none_of_ours(batches: Next, tmp_path: Path) -> None:
    for name in ("notes.txt", ".a.yaml.swp", ".hidden.yaml", "a.yaml~"):
        (tmp_path / name).write_text("x")
    (tmp_path / "b.yml").write_text("b: 1")
    assert await batches() == [FileContent(str(tmp_path / "b.yml"), b"b: 1")]


async def test_a_file_that_is_too_large_is_not_read(batches: Next, tmp_path: Path) -> None:
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    (change,) = await batches()
    assert isinstance(change, FileUnreadable)
    assert str(MAX_BYTES) in change.reason


async def test_a_file_without_permission_is_unreadable() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "b.yaml")
        path.write_text("b: 1")
        path.chmod(0)
        with as_nobody():
            source = DirectorySource([Path(folder)]).batches()
            assert await anext(source) == [FileUnreadable(str(path), "Permission denied")]
            await source.aclose()  # type: ignore[attr-defined]


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so it stops being root for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        await anext(DirectorySource([tmp_path / "none"]).batches())


def test_a_file_that_is_open_for_writing_is_not_settled(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a")
    assert read_settled(path) == b"a"
    with path.open("a"):
        assert read_settled(path) is None
    assert read_settled(path) == b"a"


def test_a_writer_that_comes_while_the_file_is_read_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("x" * 100_000)
    child = os.fork()
    if child == 0:
        for _ in range(300):
            path.write_text("x" * 100_000)
        os._exit(0)
    seen = [data for _ in range(300) if (data := read_settled(path)) is not None]
    assert os.waitpid(child, 0)[1] == 0
    assert all(data == b"x" * 100_000 for data in seen)


def test_single_files_are_taken_whatever_their_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    assert list(manifest_files([tmp_path / "a.txt"])) == [tmp_path / "a.txt"]
