"""The command line of prepare: what is passed on, what does not go together, mistakes in one message."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from data_converters.base import ReadOptions
from data_converters.prepare import cli, road
from data_converters.prepare.record import Drawing
from data_converters.prepare.road import Outcome
from data_converters.report import Report
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.utils.errors import UserError

INFO = DatasetInfo(
    name="x",
    task="ships",
    classes=(ClassInfo("ship", (1, 2, 3)),),
    splits={"test": 1, "extra": 2, "train": 1200},
    images=Files("images/{split}", ".jpg"),
)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `prepare` was called with."""
    told: dict[str, Any] = {}

    def remember(wish: Any, target: Path, **options: Any) -> Outcome:
        told.update(wish=wish, target=target, **options)
        report = Report(source=Path("a"), target=target, from_format="coco", to_format="coco", written=True)
        return Outcome(root=target, info=INFO, report=report, cut=("Cut:\n  table",))

    monkeypatch.setattr(road, "prepare", remember)
    monkeypatch.delenv("SEGLOOP_DATA", raising=False)
    return told


def run(monkeypatch: pytest.MonkeyPatch, words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["prepare.py", *words.split()])
    return cli.main("What it does.")


def test_a_set_of_ones_own_stays_as_it_is(
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    INFO.write(tmp_path / "data/steel")
    assert run(monkeypatch, "steel --out data/steel --force") == run(monkeypatch, "steel") == 0
    assert not given
    assert "data/steel is a set of your own and stays as it is: 2 extra, 1 test" in capsys.readouterr().out
    for words, told in (
        ("steel --licence mine", "--licence goes with a download or with --demo"),
        ("steel SRC", "There is no task 'steel'.*\n.*new_task.py NAME SRC"),
        ("iron", "There is no task 'iron'"),
    ):
        with pytest.raises(UserError, match=told):
            run(monkeypatch, words)


def test_what_is_said_of_a_download_is_passed_on(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = """multiclass SRC --from coco --images i --labels a b --list l --reduce-zero-label --mask-folder m
        --media link
        --shares train=80 val=20 --licence mine --skip-bad --seed 3 --workers 2 --force --out DIR"""
    assert run(monkeypatch, words) == 0
    wish = given["wish"]
    assert (wish.task.name, wish.source, wish.drawing, wish.seed) == ("multiclass", Path("SRC"), None, 3)
    assert (wish.shares, wish.licence, wish.from_format) == ({"train": 80, "val": 20}, "mine", "coco")
    assert wish.options == ReadOptions(
        images=Path("i"), labels=("a", "b"), list_file=Path("l"), reduce_zero_label=True, mask_folder="m"
    )
    assert given["target"] == Path("DIR")
    assert (given["media"], given["workers"], given["skip_bad"], given["force"]) == ("link", 2, True, True)
    out = capsys.readouterr().out
    assert "a (coco) → DIR (coco)" in out
    assert "\n\nCut:\n  table\n\n" in out
    assert "DIR: 1,200 train, 1 test, 2 extra; classes ship" in out


@pytest.mark.parametrize(
    ("words", "drawing"),
    [
        ("", Drawing()),
        ("--count 60 --size 64", Drawing(counts={"train": 40, "val": 10, "test": 10}, size=64)),
        ("--count train=4 val=1", Drawing(counts={"train": 4, "val": 1})),
    ],
)
def test_a_demo_goes_where_configs_look_for_it(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, words: str, drawing: Drawing
) -> None:
    assert run(monkeypatch, f"multiclass --demo {words}") == 0
    assert (given["wish"].source, given["wish"].drawing) == (None, drawing)
    assert given["target"] == Path("data/multiclass")
    monkeypatch.setenv("SEGLOOP_DATA", "sets")
    run(monkeypatch, "multiclass --demo")
    assert given["target"] == Path("sets/multiclass")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("shps --demo", "no task 'shps'; choose multiclass, ships.*Did you mean 'ships'"),
        ("ships", r"Name the download, or draw one:\n  python tools/prepare\.py ships SRC\n.*--demo"),
        ("ships SRC --demo", "Name the download, or draw one"),
        ("ships SRC --size 9", "--size goes with --demo alone"),
        ("ships SRC --size 0", "--size goes with --demo alone"),
        ("ships SRC --count 9", "--count goes with --demo alone"),
        (
            "multiclass --demo --media copy --from coco",
            "--media, --from go with a download",
        ),
        ("multiclass --demo --reduce-zero-label", "--reduce-zero-label goes with a download"),
        ("ships SRC --labels a --from coco", "task ships has no use for --labels, --from; leave"),
        ("multiclass --demo --count 2", "--count 2: at least one of each is drawn: train, val, test"),
        ("multiclass --demo --count train", "--count takes SPLIT=N, such as train=80, not 'train'"),
        ("multiclass --demo --count train=1.5", "not 'train=1.5'"),
        ("multiclass --demo --count tain=4", "--count: multiclass draws train, val, test, not tain"),
        ("ships SRC --shares train=0", "--shares takes SPLIT=N, such as train=80, not 'train=0'"),
        ("ships SRC --shares train=1 train=2", "--shares names train twice"),
        ("ships SRC --shares val=1 test=2", "there has to be a train split"),
        ("ships SRC --workers -1", "no fewer than 0 processes"),
        ("ships SRC --seed -1", "seeds are 0 or more"),
    ],
)
def test_mistakes_are_told_before_any_work(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, words: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(monkeypatch, words)
    assert given == {}


def test_the_table_of_tasks_is_in_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--help")
    out = capsys.readouterr().out
    for name in ("multiclass", "ships", "cells", "cityscapes", "spacecraft"):
        assert f"\n  {name} " in out
