"""Facts about files outlive a run exactly as long as the files' contents do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from segloop.data import fact_store
from segloop.data.fact_store import CACHE, CACHE_VERSION, FactStore, short_path
from segloop.data.image_files import ImageFacts


class Reader:
    """Looks at contents, and remembers how often."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def __call__(self, data: bytes) -> ImageFacts:
        self.seen.append(data)
        return ImageFacts((len(data), data[0]))


def look(root: Path, reader: Reader, *names: str, **options: object) -> list[ImageFacts]:
    with FactStore(root, **options) as store:  # type: ignore[arg-type]
        return store.look("images", [root / name for name in names], reader, ImageFacts)


def wait_for_a_tick(folder: Path, *, after_ns: int) -> None:
    """Return once files that are written now have a later time of change."""
    probe = folder / "probe"
    probe.touch()
    while probe.stat().st_ctime_ns <= after_ns:
        probe.touch()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the times of files at once, as if they had been written a while ago."""
    monkeypatch.setattr(fact_store, "SETTLED_NS", -(10**18))


@pytest.mark.usefixtures("settled")
def test_a_file_that_stays_is_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    reader = Reader()
    first = look(tmp_path, reader, "a")
    monkeypatch.setattr(Path, "read_bytes", lambda file: pytest.fail(f"{file} was opened"))
    assert look(tmp_path, reader, "a") == first == [ImageFacts((3, 97))]
    assert reader.seen == [b"abc"]


@pytest.mark.parametrize("way", ["written over", "replaced"])
@pytest.mark.usefixtures("settled")
def test_notices_another_content_of_equal_size_and_time(tmp_path: Path, way: str) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"abc")
    before = file.stat()
    reader = Reader()
    look(tmp_path, reader, "a")
    wait_for_a_tick(tmp_path, after_ns=before.st_ctime_ns)
    if way == "replaced":
        (tmp_path / "other").write_bytes(b"xyz")
        (tmp_path / "other").replace(file)
    else:
        file.write_bytes(b"xyz")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert look(tmp_path, reader, "a") == [ImageFacts((3, ord("x")))]


def test_a_file_that_was_just_written_is_hashed_until_it_has_settled(tmp_path: Path) -> None:
    file = tmp_path / "a"
    for content in (b"abc", b"xyz"):  # perhaps in one tick of the file system's clock
        file.write_bytes(content)
        assert look(tmp_path, Reader(), "a") == [ImageFacts((3, content[0]))]
        state, digest, _ = json.loads((tmp_path / CACHE).read_text())["files"]["images:a"]
        assert state is None
        assert digest


@pytest.mark.usefixtures("settled")
def test_what_was_only_touched_is_hashed_and_not_looked_over(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    reader = Reader()
    first = look(tmp_path, reader, "a")
    os.utime(tmp_path / "a", ns=(1, 1))
    assert look(tmp_path, reader, "a") == first
    assert len(reader.seen) == 1
    assert json.loads((tmp_path / CACHE).read_text())["files"]["images:a"][0][1] == 1


def test_a_copy_of_a_set_brings_its_facts_along(tmp_path: Path) -> None:
    import shutil

    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a").write_bytes(b"abc")
    reader = Reader()
    look(tmp_path / "one", reader, "a")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    look(tmp_path / "two", reader, "a")
    assert len(reader.seen) == 1


def test_other_files_keep_what_is_known_of_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"de")
    reader = Reader()
    look(tmp_path, reader, "a")
    look(tmp_path, reader, "b")
    look(tmp_path, reader, "a", "b")
    assert reader.seen == [b"abc", b"de"]


@pytest.mark.parametrize("text", ["", "[]", '{"version": 0, "files": {}}', f'{{"version": {CACHE_VERSION}}}'])
def test_a_broken_cache_is_no_cache(tmp_path: Path, text: str) -> None:
    (tmp_path / CACHE).parent.mkdir()
    (tmp_path / CACHE).write_text(text)
    (tmp_path / "a").write_bytes(b"abc")
    look(tmp_path, Reader(), "a")
    assert json.loads((tmp_path / CACHE).read_text())["version"] == CACHE_VERSION


def test_a_folder_that_cannot_be_written_goes_uncached(tmp_path: Path) -> None:
    (tmp_path / ".segloop").write_text("a file where the cache's folder would be")
    (tmp_path / "a").write_bytes(b"abc")
    assert look(tmp_path, Reader(), "a") == [ImageFacts((3, 97))]


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert look(tmp_path, Reader(), "gone")[0].error == "No such file or directory"


def test_nothing_is_kept_without_the_cache(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    look(tmp_path, Reader(), "a", enabled=False)
    assert not (tmp_path / ".segloop").exists()


def test_names_are_short_inside_of_the_root_only(tmp_path: Path) -> None:
    assert short_path(tmp_path / "a" / "b.png", tmp_path) == "a/b.png"
    assert short_path(Path("/elsewhere/b.png"), tmp_path) == "/elsewhere/b.png"
