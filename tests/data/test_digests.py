"""A file that has not changed is read once, and one that has changed is never taken for the old one."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from segloop.data import digests
from segloop.data.digests import file_digests


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names the files whose bytes are read, and lets the clock go on so that files count as settled."""
    names: list[str] = []
    opened = Path.open

    def note(self: Path, *args: object, **kwargs: object) -> object:
        if args == ("rb",):
            names.append(self.name)
        return opened(self, *args, **kwargs)  # type: ignore[call-overload]

    now = time.time
    monkeypatch.setattr(Path, "open", note)
    monkeypatch.setattr(digests.time, "time", lambda: now() + 10)
    return names


def write(folder: Path, **contents: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, text in contents.items():
        (folder / name).write_text(text)
    return [folder / name for name in contents]


def test_digests_are_sha256_in_the_order_asked_for(tmp_path: Path) -> None:
    files = write(tmp_path / "data", b="two", a="one")
    told: list[tuple[int, int]] = []
    found = file_digests([*files, tmp_path / "gone"], progress=lambda *place: told.append(place))
    assert found == [hashlib.sha256(b"two").digest(), hashlib.sha256(b"one").digest(), None]
    assert sorted(told) == [(1, 3), (2, 3), (3, 3)]
    assert not (tmp_path / ".segloop").exists()


def test_only_what_changed_is_read_again(tmp_path: Path, reads: list[str]) -> None:
    root = tmp_path / "data"
    files = write(root, a="one", b="two")
    (outside,) = write(tmp_path / "elsewhere", c="three")
    first = file_digests([*files, outside], cache=root)
    assert sorted(reads) == ["a", "b", "c"]
    reads.clear()
    assert file_digests([*files, outside], cache=root) == first
    assert reads == []
    files[0].write_text("eno")
    os.utime(files[0], ns=(0, files[1].stat().st_mtime_ns))
    (changed, same) = file_digests(files, cache=root)
    assert reads == ["a"]
    assert (changed, same) == (hashlib.sha256(b"eno").digest(), first[1])


def test_a_change_that_hides_its_time_is_seen(tmp_path: Path, reads: list[str]) -> None:
    root = tmp_path / "data"
    (file,) = write(root, a="one")
    state = file.stat()
    (before,) = file_digests([file], cache=root)
    file.write_text("eno")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert file_digests([file], cache=root) != [before]


def test_a_file_that_was_just_written_is_not_trusted_yet(tmp_path: Path) -> None:
    root = tmp_path / "data"
    files = write(root, a="one")
    file_digests(files, cache=root)
    assert not (root / digests.CACHE).exists()


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"version": 1, "files": {"a": [3, 0, 0, "zz"]}}', '{"files": 1}']
)
def test_a_damaged_cache_is_no_cache(content: str, tmp_path: Path, reads: list[str]) -> None:
    root = tmp_path / "data"
    files = write(root, a="one")
    (root / ".segloop").mkdir()
    (root / digests.CACHE).write_text(content)
    assert file_digests(files, cache=root) == [hashlib.sha256(b"one").digest()]
    assert json.loads((root / digests.CACHE).read_text())["files"].keys() == {"a"}


def test_a_root_that_cannot_be_written_is_read_each_time(
    tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError

    monkeypatch.setattr(digests, "open_atomic", refuse)
    files = write(tmp_path / "data", a="one")
    for _ in range(2):
        assert file_digests(files, cache=tmp_path / "data") == [hashlib.sha256(b"one").digest()]
    assert reads == ["a", "a"]
