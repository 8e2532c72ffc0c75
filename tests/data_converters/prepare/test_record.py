"""A prepared set knows what it was made from: the same command finds it, another one is told why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.prepare.record import PREPARED, Drawing, Wish, find_prepared
from data_converters.prepare.tasks import TASKS
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.utils.errors import UserError

DEMO = Wish(task=TASKS["multiclass"], source=None, drawing=Drawing())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a set that DEMO made."""
    root = tmp_path / "set"
    root.mkdir()
    DatasetInfo(
        name="x",
        task="multiclass",
        classes=(ClassInfo("a", (0, 0, 0)),),
        splits={"train": 1},
        images=Files("img_dir/{split}", ".png"),
        masks=Files("ann_dir/{split}", ".png"),
        generator=DEMO.generator(),
    ).write(root)
    DEMO.note(root)
    return root


def test_a_demo_is_known_by_its_generator_counts_size_and_seed() -> None:
    assert DEMO.generator() == "segloop.data.demo.multiclass, edition 1, size 192"
    assert DEMO.value()["demo"] == {
        "counts": {"train": 800, "val": 200, "test": 200},
        "size": 192,
        "edition": 1,
    }
    small = replace(DEMO, drawing=Drawing(counts={"train": 1}, size=64))
    assert small.value()["demo"] == {"counts": {"train": 1}, "size": 64, "edition": 1}
    assert replace(DEMO, source=Path("x"), drawing=None).generator() is None


def test_the_same_wish_finds_its_set(root: Path) -> None:
    found = find_prepared(root, DEMO)
    assert found is not None
    assert dict(found.splits) == {"train": 1}
    assert find_prepared(root, DEMO, force=True) is None


def test_another_wish_is_told_each_difference(root: Path, tmp_path: Path) -> None:
    other = replace(DEMO, seed=3, drawing=Drawing(size=64))
    with pytest.raises(UserError) as caught:
        find_prepared(root, other)
    assert "seed: 0 there, 3 asked for" in str(caught.value)
    assert "demo size: 192 there, 64 asked for" in str(caught.value)
    assert "counts" not in str(caught.value)
    real = Wish(
        task=TASKS["ships"],
        source=tmp_path / "airbus",
        drawing=None,
        options=ReadOptions(images=tmp_path / "pictures"),
        shares={"train": 8, "val": 2},
    )
    with pytest.raises(UserError) as caught:
        find_prepared(root, real)
    for line in (
        "task: multiclass there, ships asked for",
        f"source: none there, {(tmp_path / 'airbus').resolve()} asked for",
        f"options images: none there, {(tmp_path / 'pictures').resolve()} asked for",
        "shares: none there, train=8 val=2 asked for",
    ):
        assert f"  {line}\n" in str(caught.value)


def test_labels_of_another_kind_are_a_difference(root: Path) -> None:
    objects = replace(DEMO, task=replace(DEMO.task, target="coco"))
    with pytest.raises(UserError, match="labels: index masks there, COCO asked for"):
        find_prepared(root, objects)


def test_a_user_without_out_is_told_another_way(root: Path) -> None:
    mine = replace(DEMO, seed=3, elsewhere="another NAME makes another set")
    with pytest.raises(UserError, match=r"--force makes it anew, another NAME makes another set\.$"):
        find_prepared(root, mine)


def test_a_free_place_is_free(tmp_path: Path) -> None:
    assert find_prepared(tmp_path / "nowhere", DEMO) is None
    (tmp_path / "empty").mkdir()
    assert find_prepared(tmp_path / "empty", DEMO) is None


def test_what_nobody_prepared_is_refused_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/text.txt").write_text("years of work")
    with pytest.raises(UserError, match="nothing there says how it was made"):
        find_prepared(tmp_path / "thesis", DEMO)
    with pytest.raises(UserError, match="was not prepared by SegLoop; it is left alone"):
        find_prepared(tmp_path / "thesis", DEMO, force=True)
    with pytest.raises(UserError, match="is a file"):
        find_prepared(tmp_path / "thesis/text.txt", DEMO)


def test_a_set_with_a_description_alone_is_replaced_if_a_tool_of_ours_wrote_it(root: Path) -> None:
    (root / PREPARED).unlink()
    assert find_prepared(root, DEMO, force=True) is None  # drawn
    info = DatasetInfo.read(root)
    replace(info, generator=None).write(root)
    with pytest.raises(UserError, match="left alone"):
        find_prepared(root, DEMO, force=True)
    replace(info, generator=None, content_hash="sha256:0").write(root)
    assert find_prepared(root, DEMO, force=True) is None


def test_later_versions_of_the_labels_are_never_removed(root: Path) -> None:
    (root / "versions/2").mkdir(parents=True)
    with pytest.raises(UserError, match="holds later versions of the labels"):
        find_prepared(root, DEMO, force=True)
