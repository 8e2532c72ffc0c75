"""A drawn set is whole or absent, and nothing that was not drawn is ever replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from segloop.data.demo import build
from segloop.data.demo.multiclass import draw_native
from segloop.data.info import content_hash
from segloop.utils.errors import DataError

SMALL = {"train": 3, "val": 2}


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "encode_indices", fail)
    with pytest.raises(KeyboardInterrupt):
        draw_native(tmp_path / "set", counts=SMALL, workers=1, size=64)
    assert list(tmp_path.iterdir()) == []


def test_replacing_keeps_the_old_set_until_the_new_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "set"
    draw_native(root, counts={"train": 1}, size=64, workers=1)
    first = content_hash(root)
    with pytest.raises(DataError, match="exists already"):
        draw_native(root, counts={"train": 1}, size=64, workers=1)
    draw_native(root, seed=1, counts={"train": 1}, size=64, workers=1, replace=True)
    second = content_hash(root)
    assert second != first

    monkeypatch.setattr(build, "encode_indices", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        draw_native(root, seed=2, counts={"train": 1}, size=64, workers=1, replace=True)
    assert content_hash(root) == second
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_that_was_not_drawn_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError):
        draw_native(tmp_path, counts={"train": 1}, size=64, workers=1, replace=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    draw_native(tmp_path / "set", counts={"train": 1}, size=64, workers=1)
    (tmp_path / "empty").mkdir()
    draw_native(tmp_path / "empty", counts={"train": 1}, size=64, workers=1)
    assert content_hash(tmp_path / "empty") == content_hash(tmp_path / "set")


def test_all_wrong_wishes_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        draw_native(tmp_path / "set", seed=-1, counts={"train": 0}, size=8)
    for part in ("train=0", "the seed is -1", "the size is 8"):
        assert part in str(caught.value)
    with pytest.raises(DataError, match="the size is 100000; scenes have 64 to 2048 pixels a side"):
        draw_native(tmp_path / "set", counts={"train": 1}, size=100_000, workers=1)


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    draw_native(tmp_path / "set", counts=SMALL, size=64, workers=1, progress=lambda *both: heard.append(both))
    assert heard == [(n, 5) for n in range(1, 6)]
