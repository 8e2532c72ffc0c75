"""A target is the old one or the whole new one, whatever ends the making of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segloop.utils.errors import UserError
from segloop.utils.staging import staged

pytest.importorskip("fcntl")


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else "/"
        for path in sorted(folder.rglob("*"))
    }


def test_a_folder_and_a_file_appear_whole_with_the_folders_above_them(tmp_path: Path) -> None:
    with staged(tmp_path / "new" / "set") as place:
        (place / "a").mkdir(parents=True)
        assert tree(tmp_path / "new").get("set") is None
    with staged(tmp_path / "b.json") as place:
        assert place.name == "b.json"
        place.write_text("{}")
    assert tree(tmp_path) == {"b.json": "{}", "new": "/", "new/set": "/", "new/set/a": "/"}


def fail(target: Path, error: type[BaseException]) -> None:
    with staged(target, replace=True) as place:
        place.write_text("half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        fail(tmp_path / "x" / "y" / "set", error)
    assert tree(tmp_path) == {}


def test_what_exists_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(UserError, match=r"exists already\. --force"), staged(tmp_path / "a"):
        raise AssertionError("not reached")
    assert tree(tmp_path) == {"a": "old"}


@pytest.mark.parametrize("old_is_folder", [True, False])
@pytest.mark.parametrize("new_is_folder", [True, False])
def test_what_exists_is_replaced_at_the_end(tmp_path: Path, old_is_folder: bool, new_is_folder: bool) -> None:
    target = tmp_path / "a"
    old = {"a": "/", "a/old": "old"} if old_is_folder else {"a": "old"}
    file = target / "old" if old_is_folder else target
    file.parent.mkdir(exist_ok=True)
    file.write_text("old")
    with pytest.raises(ValueError):  # noqa: PT011
        fail(target, ValueError)
    assert tree(tmp_path) == old
    with staged(target, replace=True) as place:
        assert {name: text for name, text in tree(tmp_path).items() if name.startswith("a")} == old
        new = place / "new" if new_is_folder else place
        new.parent.mkdir(exist_ok=True)
        new.write_text("new")
    assert tree(tmp_path) == ({"a": "/", "a/new": "new"} if new_is_folder else {"a": "new"})


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with staged(tmp_path / "a") as place:
        place.mkdir()
        (place / "b").write_text("b")
    assert tree(tmp_path) == {"a": "/", "a/b": "b"}


def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with staged(tmp_path / "link", replace=True) as place:
        place.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


KILLED = """
import os, sys
from pathlib import Path
from segloop.utils import staging

target, when = Path(sys.argv[1]), sys.argv[2]
rename = Path.rename
def deadly(self, to):
    rename(self, to)
    os._exit(9)
if when == "between":
    Path.rename = deadly
with staging.staged(target, replace=True) as place:
    place.mkdir()
    (place / "new").write_text("new")
    if when == "inside":
        os._exit(9)
"""


@pytest.mark.parametrize("when", ["inside", "between"])
def test_the_next_run_clears_what_a_killed_one_left(tmp_path: Path, when: str) -> None:
    target = tmp_path / "a[1]*"
    target.mkdir()
    (target / "old").write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), when], env={**os.environ}, timeout=60)
    assert done.returncode == 9
    assert len(list(tmp_path.glob(".a*.part"))) == 1
    with pytest.raises(UserError, match="exists already"), staged(target):
        raise AssertionError("not reached")
    assert tree(tmp_path) == {"a[1]*": "/", "a[1]*/old": "old"}


def test_what_a_killed_one_left_of_another_target_is_left_to_that(tmp_path: Path) -> None:
    target = tmp_path / "a.b"
    target.mkdir()
    (target / "old").write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, str(target), "between"], env={**os.environ}, timeout=60)
    with staged(tmp_path / "a") as place:
        place.write_text("a")
    with pytest.raises(UserError, match="exists already"), staged(target):
        raise AssertionError("not reached")
    assert tree(tmp_path) == {"a": "a", "a.b": "/", "a.b/old": "old"}


def test_one_that_is_at_work_is_left_alone(tmp_path: Path) -> None:
    with staged(tmp_path / "a", replace=True) as first:
        first.write_text("first")
        with staged(tmp_path / "a") as second:
            second.write_text("second")
        assert first.read_text() == "first"


def test_of_two_at_work_the_second_to_end_is_refused(tmp_path: Path) -> None:
    def race() -> None:
        with staged(tmp_path / "a") as first:
            first.write_text("first")
            with staged(tmp_path / "a") as second:
                second.write_text("second")

    with pytest.raises(UserError, match="exists already"):
        race()
    assert tree(tmp_path) == {"a": "second"}
