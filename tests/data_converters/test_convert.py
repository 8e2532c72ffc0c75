"""A conversion is whole or not there, loses nothing in silence, and is the same for any number of workers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_converters import convert as module
from data_converters.convert import convert
from data_converters.formats import FORMATS
from data_converters.report import Report
from segloop.utils.errors import DataError, FormatError, UserError
from tests.data_converters.tiny import TINY

Run = Callable[..., Report]
CAR = {"columns": [0, 2]}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Convert lines of the tiny format to `out.tiny`, in this process if nothing else is said."""
    monkeypatch.setitem(FORMATS, "tiny", TINY)

    def start(*lines: dict[str, Any], target: str = "out.tiny", **options: Any) -> Report:
        source = tmp_path / "in.lines"
        source.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        options = {"workers": 0, **options}
        return convert(source, tmp_path / target, from_format="tiny", to_format="tiny", **options)

    return start


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "in.lines")


def test_what_is_kept_and_what_is_not_is_counted(run: Run, tmp_path: Path) -> None:
    report = run(
        {"id": "a/1", "objects": [CAR, {"columns": [1, 3], "score": 0.5, "z_order": 2}]},
        {"id": "b/1", "objects": [{"columns": [5, 6], "label": "tree", "score": 0.25}], "tags": ["car"]},
        {"id": "c", "objects": []},
    )
    assert (tmp_path / "out.tiny").read_text() == "a/1 [8, 8]\nb/1 [4]\nc []\n"
    assert (report.images, report.instances, report.pixels) == (3, (3, 3), (20, 19))
    assert [(each.kind, each.count, each.examples) for each in report.losses] == [
        ("scores", 2, ("a/1: car", "b/1: tree")),
        ("colors", 1, ("car",)),
        ("cut", 1, ("b/1",)),
    ]
    assert report.told == ("read by tiny", "written by tiny")
    assert (report.written, report.exit_code) == (True, 0)
    assert left(tmp_path) == ["out.tiny"]


def test_workers_and_one_process_write_the_same(run: Run, tmp_path: Path) -> None:
    lines = [{"id": f"{n}", "objects": [{"columns": [0, n % 6 + 1], "score": n}]} for n in range(40)]
    lines[7]["problems"] = ["line 8: no"]
    alone = run(*lines, target="one.tiny", skip_bad=True)
    together = run(*lines, target="two.tiny", skip_bad=True, workers=2)
    assert (tmp_path / "one.tiny").read_bytes() == (tmp_path / "two.tiny").read_bytes()
    assert alone.losses == together.losses
    assert alone.skipped == together.skipped == (("7", ("line 8: no",)),)


def test_work_that_lasts_is_shared(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def shared(function: Any, items: Any, **options: Any) -> Any:
        rest = list(items)
        begun.append(len(rest))
        return map(function, rest)

    monkeypatch.setattr(module, "map_ordered", shared)
    lines = [{"id": f"{n}", "objects": [CAR]} for n in range(9)]
    run(*lines, workers=None)
    assert begun == [0]
    monkeypatch.setattr(module, "PATIENCE_S", 0)
    run(*lines, workers=None, force=True)
    assert begun[-1] == 8
    assert len((tmp_path / "out.tiny").read_text().splitlines()) == 9


def test_all_bad_images_are_told_together_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        run(
            {"id": "a", "problems": ["line 1: no runs", "line 2: too long"]},
            {"id": "b"},
            {"id": "odd"},
        )
    told = str(caught.value)
    assert "2 of 3 images cannot be used, so nothing was written" in told
    assert "a: line 1: no runs\n  a: line 2: too long\n  odd: cannot be written" in told
    assert "--skip-bad" in told
    assert left(tmp_path) == []


def test_bad_images_are_left_out_on_request_and_it_is_a_finding(run: Run, tmp_path: Path) -> None:
    report = run({"id": "a", "problems": ["line 1: no runs"]}, {"id": "b"}, skip_bad=True)
    assert (tmp_path / "out.tiny").read_text() == "b []\n"
    assert (report.written, report.exit_code, report.images) == (True, 1, 1)
    assert report.skipped == (("a", ("line 1: no runs",)),)
    with pytest.raises(DataError, match="1 of 1 images") as alone:
        run({"id": "a", "problems": ["line 1: no runs"]}, target="none.tiny")
    assert "--skip-bad" not in str(alone.value), "it would leave nothing"
    with pytest.raises(DataError, match="1 of 1 images"):
        run({"id": "a", "problems": ["line 1: no runs"]}, target="none.tiny", skip_bad=True)
    assert left(tmp_path) == ["out.tiny"]


def test_images_that_get_into_each_others_way_are_bad_too(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 of 3 images .*\n  a: is there twice"):
        run({"id": "a"}, {"id": "a"}, {"id": "b"})
    report = run({"id": "a"}, {"id": "a"}, {"id": "b"}, skip_bad=True)
    assert (tmp_path / "out.tiny").read_text() == "a []\nb []\n"
    assert (report.images, report.skipped) == (2, (("a", ("is there twice",)),))


def test_strict_writes_nothing_if_anything_is_lost(run: Run, tmp_path: Path) -> None:
    report = run({"id": "a", "objects": [CAR]}, strict=True)
    assert [each.kind for each in report.losses] == ["colors"]
    assert (report.written, report.exit_code) == (False, 1)
    assert left(tmp_path) == []


def test_what_no_loss_tells_of_is_told_all_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import tests.data_converters.tiny as tiny

    monkeypatch.setattr(tiny.TinyWriter, "keeps", frozenset(module.FEATURES))
    monkeypatch.setattr(tiny.TinyWriter, "__init__", lambda self, options: setattr(self, "told", []))
    report = run({"id": "silent", "objects": [CAR]})
    assert [(each.kind, each.examples) for each in report.losses] == [
        ("unexplained", ("silent: 1 pixel(s)",))
    ]


def test_a_target_that_exists_is_kept_until_the_new_one_is_whole(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.tiny"
    target.write_text("old")
    with pytest.raises(UserError, match="exists already"):
        run({"id": "a"})
    with pytest.raises(DataError):
        run({"id": "a"}, {"id": "odd"}, force=True)
    run({"id": "a", "objects": [CAR]}, strict=True, force=True)
    assert target.read_text() == "old"
    run({"id": "a"}, force=True)
    assert target.read_text() == "a []\n"


def test_a_bug_keeps_its_traceback_and_leaves_nothing(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run({"id": "a"}, {"id": "b", "crash": True})
    with pytest.raises(ZeroDivisionError):
        run({"id": "a"}, {"id": "b", "crash": True}, workers=2)
    assert left(tmp_path) == []


def test_a_full_disk_is_told_in_words(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"out\.tiny could not be written: .*No space left"):
        run({"id": "full"})
    assert left(tmp_path) == []


def test_bad_images_are_told_even_if_what_is_left_makes_no_set(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        run({"id": "late"}, {"id": "odd"})
    with pytest.raises(DataError, match="too late"):
        run({"id": "late"})
    assert left(tmp_path) == []


def test_an_interruption_leaves_nothing(run: Run, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run({"id": "a"}, {"id": "b"}, progress=stop, target="x/y/out")
    assert left(tmp_path) == []


def test_progress_counts_images(run: Run) -> None:
    seen = []
    run({"id": "a"}, {"id": "odd"}, skip_bad=True, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_source_that_is_broken_or_empty_is_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image"):
        run()
    (tmp_path / "in.lines").write_text("broken\n")
    with pytest.raises(FormatError, match="line 1: is broken"):
        convert(tmp_path / "in.lines", tmp_path / "out", from_format="tiny", to_format="tiny")
    assert left(tmp_path) == []
