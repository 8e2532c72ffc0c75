"""A version has the new labels and everything else of the old set, which nothing touches."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_converters import cvat_loop
from data_converters.base import WriteOptions
from data_converters.convert import transfer
from data_converters.prepare.targets import make_writer
from segloop.cvat.diff import diff
from segloop.cvat.origins import Origin, Origins
from segloop.cvat.renaming import rename_labels
from segloop.cvat.version import (
    Version,
    apply,
    check_version,
    drawn_labels,
    number_of,
    versions_of,
)
from segloop.data.annotations import (
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelledImages,
    LabelSet,
    Opaque,
    Polygon,
)
from segloop.data.index_masks import read_index_mask
from segloop.data.info import DatasetInfo, content_hash
from segloop.data.masks import encode
from segloop.utils.errors import DataError, UserError
from tests.cvat.labels_made import before, instance
from tests.cvat.sets import set_of

Change = Callable[[ImageRecord], ImageRecord]


def opened(root: Path) -> LabelledImages:
    return cvat_loop.open_labels(root)[0]


def changed(root: Path, name: str, change: Change, labels: LabelSet | None = None) -> LabelledImages:
    """Return the set with one image's labels changed."""
    images = opened(root)
    records = [change(each) if f"{each.split}/{each.image_id}" == name else each for each in images]
    return set_of(records, labels or images.labels)


def erased(record: ImageRecord) -> ImageRecord:
    assert record.semantic is not None
    return replace(record, semantic=np.zeros_like(record.semantic))


def make(
    root: Path, new: LabelledImages, *, rename: Mapping[str, str] | None = None, **how: object
) -> Version:
    new = rename_labels(new, rename or {}, opened(root).labels)
    who = Origins(images={first_of(root): Origin(task="t", task_id=3, assignee="anna", looked=True)})
    found = diff(opened(root), new, old_name=str(root), new_name="new", origins=who)
    return apply(found, root, write=cvat_loop.write_version, **how)  # type: ignore[arg-type]


def first_of(root: Path) -> str:
    record = opened(root).load(opened(root).keys[0])
    return f"{record.split}/{record.image_id}"


def files_of(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file() and "versions" not in file.relative_to(root).parts
    }


def test_a_version_holds_the_change_and_nothing_else(tiny_root: Path) -> None:
    former, name = files_of(tiny_root), first_of(tiny_root)
    made = make(tiny_root, changed(tiny_root, name, erased))
    assert made.root == tiny_root / "versions" / "1"
    assert files_of(tiny_root) == former
    split, _, image_id = name.partition("/")
    new = files_of(made.root)
    mask = f"ann_dir/{split}/{image_id}.png"
    assert read_index_mask(made.root / mask).max() == 0
    same = {key for key in former if key.startswith(("ann_dir", "img_dir")) and key != mask}
    assert {key: new[key] for key in same} == {key: former[key] for key in same}
    info, before = DatasetInfo.read(made.root), DatasetInfo.read(tiny_root)
    assert replace(info, content_hash=None, images=before.images, masks=before.masks) == replace(
        before, content_hash=None
    )
    assert info.content_hash == made.content_hash == check_version(made.root)
    assert content_hash(tiny_root) == content_hash(tiny_root)  # versions are none of it


def test_images_take_no_room_and_say_where_their_labels_are_from(tiny_root: Path) -> None:
    made = make(tiny_root, changed(tiny_root, first_of(tiny_root), erased))
    image = next((made.root / "img_dir").rglob("*.*"))
    assert image.stat().st_nlink > 1
    with (made.root / "provenance.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(opened(tiny_root))
    mended = [row for row in rows if row["state"] == "changed"]
    assert [(row["labels_from"], row["assignee"], row["task_id"]) for row in mended] == [("1", "anna", "3")]
    assert {row["labels_from"] for row in rows if row not in mended} == {"0"}
    assert len(rows[0]["labels_sha256"]) == 64


def test_a_version_of_a_version_remembers_both(tiny_root: Path) -> None:
    first = make(tiny_root, changed(tiny_root, first_of(tiny_root), erased))
    other = opened(first.root).load(opened(first.root).keys[1])
    second = make(first.root, changed(first.root, f"{other.split}/{other.image_id}", erased))
    assert second.root == tiny_root / "versions" / "2"
    assert versions_of(second.root) == {1: first.root, 2: second.root}
    assert (number_of(tiny_root), number_of(second.root)) == (0, 2)
    with (second.root / "provenance.csv").open(encoding="utf-8", newline="") as file:
        assert sorted({row["labels_from"] for row in csv.DictReader(file)}) == ["0", "1", "2"]


def test_the_same_labels_again_are_the_same_version(tiny_root: Path) -> None:
    new = changed(tiny_root, first_of(tiny_root), erased)
    first = make(tiny_root, new)
    former = files_of(first.root)
    again = make(tiny_root, new)
    assert (again.root, again.number, again.content_hash) == (first.root, 1, first.content_hash)
    assert (first.known, again.known) == (False, True)
    assert "version 1 before" in again.told[0]
    assert [each.name for each in (tiny_root / "versions").iterdir()] == ["1"]
    assert files_of(first.root) == former
    other = opened(tiny_root).load(opened(tiny_root).keys[1])
    assert make(tiny_root, changed(tiny_root, f"{other.split}/{other.image_id}", erased)).number == 2


def test_objects_become_the_index_map_that_they_draw(tiny_root: Path) -> None:
    name = first_of(tiny_root)
    label = opened(tiny_root).labels.foreground[0].name

    def drawn(record: ImageRecord) -> ImageRecord:
        small = Instance(label=label, shape=instance(label, None, 1, 1, 4, 5).shape)
        assert record.semantic is not None
        canvas = np.zeros(record.semantic.shape, np.uint8)
        canvas[1:4, 1:5] = 1
        shape = Bitmap((canvas.shape[0], canvas.shape[1]), encode(canvas))
        return replace(record, semantic=None, instances=(replace(small, shape=shape),))

    made = make(tiny_root, changed(tiny_root, name, drawn))
    split, _, image_id = name.partition("/")
    mask = read_index_mask(made.root / f"ann_dir/{split}/{image_id}.png")
    assert (mask[1:4, 1:5] == opened(tiny_root).labels.index(label)).all()
    assert (mask > 0).sum() == 12


def test_boxes_and_ellipses_are_drawn_and_old_boxes_stay(tmp_path: Path) -> None:
    kept = Instance(label="cat", uid="a", shape=Box((1.0, 1.0, 5.0, 5.0)))
    turned = Opaque("rotated-box", {"xtl": 10.0, "ytl": 10.0, "xbr": 20.0, "ybr": 20.0, "rotation": 45.0})
    old = ImageRecord(image_id="x", name="x.png", size_hw=(48, 64), instances=(kept,))
    drawn = (kept, replace(kept, uid=None), Instance(label="cat", shape=turned))
    made = drawn_labels(replace(old, instances=drawn), old)
    assert made.instances[0].shape == kept.shape
    assert [type(each.shape) for each in made.instances[1:]] == [Polygon, Polygon]


def test_a_mark_that_changes_no_pixel_is_in_the_version(tmp_path: Path) -> None:
    root = tmp_path / "zoo"
    images = replace(before(tmp_path / "pictures"), facts={"name": "zoo"})
    writer = make_writer("coco", images, options=WriteOptions(media="copy"))
    transfer(images, writer, root, workers=0, refuse=lambda tally: None)
    first, *others = opened(root)
    marked = tuple(replace(each, occluded=each.uid == "b") for each in first.instances)
    new = set_of([replace(first, instances=marked), *others], images.labels)
    who = Origins(images={f"{first.split}/{first.image_id}": Origin(looked=True, changed=True)})
    found = diff(opened(root), new, old_name=str(root), new_name="new", origins=who)
    made = apply(found, root, write=cvat_loop.write_version)
    assert made.changed == 1
    assert [each.uid for record in opened(made.root) for each in record.instances if each.occluded] == ["b"]


def test_labels_of_other_names_are_refused_renamed_or_added(tiny_root: Path) -> None:
    name, labels = first_of(tiny_root), opened(tiny_root).labels
    place = next(number for number in range(len(labels)) if number != labels.background)
    old = labels.names[place]
    renamed = replace(
        labels,
        labels=tuple(replace(each, name="Käfer") if each.name == old else each for each in labels.labels),
    )
    new = changed(tiny_root, name, erased, renamed)
    with pytest.raises(UserError, match=r"Käfer[^$]*--rename"):
        make(tiny_root, new)
    with pytest.raises(UserError, match="no label 'Fisch'"):
        make(tiny_root, new, rename={"Fisch": old})
    assert not (tiny_root / "versions").exists()
    with pytest.raises(UserError, match="old set has no"):
        make(tiny_root, new, rename={"Käfer": "Fisch"})
    assert DatasetInfo.read(make(tiny_root, new, rename={"Käfer": old}).root).class_names == labels.names
    added = DatasetInfo.read(make(tiny_root, new, add_labels=True).root)
    assert added.class_names == (*labels.names, "Käfer")


def test_a_renamed_label_keeps_its_number(tiny_root: Path) -> None:
    labels = opened(tiny_root).labels
    new_labels = LabelSet((Label("ground"), Label("Käfer")), background=0)

    def all_beetles(record: ImageRecord) -> ImageRecord:
        assert record.semantic is not None
        return replace(record, semantic=np.ones_like(record.semantic))

    first = opened(tiny_root).load(opened(tiny_root).keys[0])
    new = set_of([all_beetles(first)], new_labels)
    last = labels.names[-1]
    made = make(tiny_root, new, rename={"Käfer": last})
    mask = read_index_mask(made.root / f"ann_dir/{first.split}/{first.image_id}.png")
    assert (mask == len(labels) - 1).all()


def test_a_label_that_only_got_another_name_is_no_change(tiny_root: Path) -> None:
    labels = opened(tiny_root).labels
    last = labels.names[-1]
    other = replace(labels, labels=(*labels.labels[:-1], replace(labels.labels[-1], name="Käfer")))
    with pytest.raises(UserError, match="No label changed"):
        make(tiny_root, replace(opened(tiny_root), labels=other), rename={"Käfer": last})


def test_no_change_makes_no_version(tiny_root: Path) -> None:
    with pytest.raises(UserError, match="No label changed"):
        make(tiny_root, opened(tiny_root))
    assert not (tiny_root / "versions").exists()


def test_killed_in_the_middle_it_leaves_nothing(tiny_root: Path) -> None:
    new = changed(tiny_root, first_of(tiny_root), erased)
    found = diff(opened(tiny_root), new, old_name=str(tiny_root))

    def dies(images: LabelledImages, target: Path, *, like: DatasetInfo, media: str) -> None:
        cvat_loop.write_version(images, target, like=like, media=media)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(found, tiny_root, write=dies)
    assert not (tiny_root / "versions").exists()


def test_a_version_that_was_changed_is_told(tiny_root: Path) -> None:
    made = make(tiny_root, changed(tiny_root, first_of(tiny_root), erased))
    mask = next((made.root / "ann_dir").rglob("*.png"))
    mask.write_bytes(mask.read_bytes() + b" ")
    with pytest.raises(DataError, match="not what apply made"):
        check_version(made.root)
