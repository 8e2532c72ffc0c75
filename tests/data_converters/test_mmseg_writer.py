"""What is written in mmseg's layout is whole, checks out, and is read back as it was."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_converters import mmseg
from data_converters.base import BadRecord, Loss, ReadOptions, Rendered, WriteOptions
from data_converters.mmseg_writer import MmsegWriter
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, LabelledImages, LabelSet
from segloop.data.checks import check_semantic
from segloop.data.index_masks import read_index_mask
from segloop.data.info import DatasetInfo, content_hash
from segloop.data.masks import encode
from segloop.data.png import encode_rgb
from segloop.utils.errors import DataError, UserError
from tests.data.masks.cases import RING, images

LABELS = LabelSet((Label("cat", (200, 0, 0)), Label("dog")))
SIZE = (6, 8)


def write(
    target: Path,
    records: Sequence[ImageRecord],
    *,
    labels: LabelSet = LABELS,
    facts: Mapping[str, Any] | None = None,
    **options: Any,
) -> tuple[MmsegWriter, list[Rendered]]:
    writer = mmseg.writer(labels, facts=facts or {}, options=WriteOptions(**options))
    copy = pickle.loads(pickle.dumps(writer))
    rendered = [copy.render(record) for record in records]
    writer.open(target)
    for each in rendered:
        writer.add(each)
    writer.close()
    return writer, rendered


def thing(label: str, mask: np.ndarray, **more: Any) -> Instance:
    return Instance(label=label, shape=Bitmap(mask.shape, encode(mask)), **more)


def image_of(folder: Path, name: str, size_hw: tuple[int, int] = SIZE) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode_rgb(np.zeros((*size_hw, 3), np.uint8)))
    return file


def record(*instances: Instance, image_id: str = "a", **more: Any) -> ImageRecord:
    given = {"name": f"{image_id}.png", "size_hw": SIZE, "split": "train", **more}
    return ImageRecord(image_id=image_id, instances=instances, **given)


def part(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[rows, columns] = True
    return mask


def test_objects_are_drawn_over_a_background_that_is_added(tmp_path: Path) -> None:
    file = image_of(tmp_path, "pictures/a.png")
    writer, (rendered,) = write(tmp_path / "out", [record(thing("dog", RING), file=file)])
    mask = read_index_mask(tmp_path / "out/ann_dir/train/a.png")
    np.testing.assert_array_equal(mask, RING * 2)
    with Image.open(tmp_path / "out/ann_dir/train/a.png") as opened:
        assert opened.mode == "P"
    info = DatasetInfo.read(tmp_path / "out")
    assert info.class_names == ("background", "cat", "dog")
    assert (info.background, info.ignore_index, dict(info.splits)) == (0, 255, {"train": 1})
    assert info.palette[:2] == [[0, 0, 0], [200, 0, 0]]
    assert (rendered.instances, rendered.pixels, rendered.losses) == (0, 13, ())
    assert writer.told == ["class 0, 'background', was added for pixels that no object covers"]
    assert check_semantic(tmp_path / "out", cache=False, workers=1) == []
    assert (tmp_path / "out/img_dir/train/a.png").read_bytes() == file.read_bytes()


def test_a_label_called_background_is_the_background(tmp_path: Path) -> None:
    labels = LabelSet((Label("cat"), Label("Background")))
    write(tmp_path, [record(thing("cat", RING))], labels=labels)
    np.testing.assert_array_equal(read_index_mask(tmp_path / "ann_dir/train/a.png"), 1 - RING)
    assert DatasetInfo.read(tmp_path).background == 1
    drawn = [record(thing("Background", RING))]
    _, (rendered,) = write(tmp_path / "drawn", drawn, labels=labels, media="none")
    assert (rendered.pixels, rendered.losses) == (0, (Loss("background-objects", 1, "a: Background"),))


def test_the_content_hash_is_that_of_the_files(tmp_path: Path) -> None:
    file = image_of(tmp_path, "pictures/a.png")
    for media in ("copy", "link"):
        write(tmp_path / media, [record(thing("dog", RING), file=file)], media=media)
        info = DatasetInfo.read(tmp_path / media)
        assert info.content_hash == content_hash(tmp_path / media)
        assert (tmp_path / media / "img_dir/train/a.png").is_symlink() == (media == "link")
    write(tmp_path / "none", [record(thing("dog", RING), file=file)], media="none")
    info = DatasetInfo.read(tmp_path / "none")
    assert info.content_hash == content_hash(tmp_path / "none")
    assert not (tmp_path / "none/img_dir").exists()


def test_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    file = image_of(tmp_path, "pictures/a.png")
    records = [
        record(thing("dog", RING), image_id=name, file=file, split=split)
        for split in ("val", "train")
        for name in "ba"
    ]
    contents = []
    for target in (tmp_path / "one/set", tmp_path / "two/set"):
        write(target, records)
        files = sorted(each for each in target.rglob("*") if each.is_file())
        contents.append([(each.relative_to(target), each.read_bytes()) for each in files])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 9


def test_overlaps_are_settled_by_the_rule_and_counted(tmp_path: Path) -> None:
    small, large = part(slice(0, 2), slice(0, 2)), part(slice(0, 4), slice(0, 4))
    shown = record(thing("cat", small), thing("dog", large))
    _, (rendered,) = write(tmp_path / "order", [shown])
    assert rendered.losses[0] == Loss("covered-pixels", 4, "a: cat, 4 of 4 pixels")
    assert {loss.kind for loss in rendered.losses} == {"covered-pixels", "hidden-objects", "image-files"}
    _, (rendered,) = write(tmp_path / "area", [shown], overlap="area")
    assert rendered.losses[0] == Loss("covered-pixels", 4, "a: dog, 4 of 16 pixels")
    mask = read_index_mask(tmp_path / "area/ann_dir/train/a.png")
    np.testing.assert_array_equal(mask, np.where(small, 1, large * 2))


def test_crowds_and_what_is_ignored_become_the_ignored_number(tmp_path: Path) -> None:
    crowd, ignored = part(slice(0, 3), slice(0, 4)), part(slice(5, 6), slice(0, 8))
    dog = part(slice(2, 4), slice(0, 2))
    shown = record(thing("dog", dog), thing("cat", crowd, crowd=True), ignore=Bitmap(SIZE, encode(ignored)))
    _, (rendered,) = write(tmp_path, [shown])
    wanted = np.where(crowd | ignored, 255, 0)
    wanted[dog] = 2
    np.testing.assert_array_equal(read_index_mask(tmp_path / "ann_dir/train/a.png"), wanted)
    assert rendered.pixels == 4


def test_an_index_map_without_a_background_stays_as_it_is(tmp_path: Path) -> None:
    semantic = np.arange(48, dtype=np.uint8).reshape(SIZE) % 2
    semantic[0] = 255
    writer, (rendered,) = write(tmp_path, [record(semantic=semantic)])
    np.testing.assert_array_equal(read_index_mask(tmp_path / "ann_dir/train/a.png"), semantic)
    assert DatasetInfo.read(tmp_path).background is None
    assert (rendered.pixels, writer.told) == (40, [])


def test_index_maps_and_objects_in_a_set_without_background_are_refused(tmp_path: Path) -> None:
    shown = [record(semantic=np.zeros(SIZE, np.uint8)), record(thing("cat", RING), image_id="b")]
    with pytest.raises(DataError, match="a is an index map without one, and b has objects"):
        write(tmp_path, shown)


@pytest.mark.parametrize("given", [65_535, -1, 1, 200])
def test_the_ignored_number_means_no_class_and_fits_the_mask(tmp_path: Path, given: int) -> None:
    labels = replace(LABELS, ignore_index=given)
    semantic = np.zeros(SIZE, np.int64)
    semantic[0] = given
    write(tmp_path, [record(semantic=semantic)], labels=labels)
    wanted = 200 if given == 200 else 255
    assert DatasetInfo.read(tmp_path).ignore_index == wanted
    np.testing.assert_array_equal(
        read_index_mask(tmp_path / "ann_dir/train/a.png"), np.where(semantic == given, wanted, 0)
    )


def test_more_than_255_classes_are_written_with_16_bits(tmp_path: Path) -> None:
    labels = LabelSet(tuple(Label(f"c{number}") for number in range(300)))
    writer, _ = write(tmp_path, [record(thing("c299", RING))], labels=labels)
    mask = read_index_mask(tmp_path / "ann_dir/train/a.png")
    np.testing.assert_array_equal(mask, RING * np.uint16(300))
    info = DatasetInfo.read(tmp_path)
    assert (info.num_classes, info.ignore_index) == (301, 65_535)
    assert "16 bits" in writer.told[-1]
    source = mmseg.read(tmp_path, options=ReadOptions())
    assert source.labels.ignore_index == 65_535


def test_numbers_that_are_no_class_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="48 pixels of its index map have numbers that are no class, 7 for"):
        write(tmp_path, [record(semantic=np.full(SIZE, 7, np.uint8))])


def test_suffixes_may_be_many(tmp_path: Path) -> None:
    names = ["a.PNG", "b.png"]
    files = [image_of(tmp_path, f"pictures/{name}") for name in names]
    shown = [record(image_id=name[0], name=name, file=file) for name, file in zip(names, files, strict=True)]
    write(tmp_path / "case", shown)
    assert DatasetInfo.read(tmp_path / "case").images.suffix == ".png"
    jpg = replace(shown[0], image_id="c", name="c.jpg")
    write(tmp_path / "two", [*shown, jpg])
    assert DatasetInfo.read(tmp_path / "two").images.suffix == ""
    assert [each.name for each in mmseg.read(tmp_path / "two", options=ReadOptions())] == [*names, "c.jpg"]
    with pytest.raises(DataError, match=r"several suffixes, \.gif among them"):
        write(tmp_path / "odd", [*shown, replace(jpg, name="c.gif")])
    write(tmp_path / "bare", [*shown, replace(jpg, name="c.gif")], media="none")
    assert DatasetInfo.read(tmp_path / "bare").images.suffix == ""


def test_images_of_no_split_get_one(tmp_path: Path) -> None:
    writer, _ = write(tmp_path, [record(split=None), record(split=None, image_id="b")])
    assert DatasetInfo.read(tmp_path).splits == {"train": 2}
    assert len([each for each in writer.told if "--split names it" in each]) == 1


def test_facts_are_kept_and_a_copy_of_a_drawn_set_is_no_drawn_set(tmp_path: Path) -> None:
    facts = {"name": "shore", "task": "ships", "licence": "CC0", "generator": "shore 1", "seed": 0}
    write(tmp_path, [record()], facts=facts)
    info = DatasetInfo.read(tmp_path)
    assert (info.name, info.task, info.licence) == ("shore", "ships", "CC0")
    assert (info.source, info.generator) == ("shore 1, seed 0", None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_id": "../a"}, r"'\.\./a': it climbs out"),
        ({"image_id": "/etc/a"}, "absolute"),
        ({"image_id": ".git/a"}, "hidden"),
        ({"split": "a/b"}, "split 'a/b': it holds a '/'"),
        ({"split": ".."}, "climbs out"),
        ({"name": "a", "file": Path("a")}, "without suffix"),
        ({"file": Path("gone.png")}, "gone.png cannot be read: No such file"),
    ],
)
def test_can_report_what_cannot_be_written(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRecord, match=words):
        write(tmp_path, [record(**changes)])


def test_two_images_of_one_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Two images of split 'train' are called 'a'"):
        write(tmp_path, [record(), record(split=None)])


def test_an_unknown_way_for_images_is_guessed() -> None:
    with pytest.raises(UserError, match=r"choose copy, hardlink, link, none\. Did you mean 'copy'"):
        mmseg.writer(LABELS, facts={}, options=WriteOptions(media="coppy"))


def reread(folder: Path, records: Sequence[ImageRecord], labels: LabelSet) -> LabelledImages:
    write(folder, records, labels=labels)
    return mmseg.read(folder, options=ReadOptions())


@settings(deadline=None, max_examples=30)
@given(images(), st.sampled_from([None, 0, 2]), st.sampled_from([255, 254, 3]))
def test_index_maps_come_back_pixel_by_pixel(
    tmp_path_factory: pytest.TempPathFactory,
    case: tuple[tuple[int, int], list[np.ndarray]],
    background: int | None,
    ignore_index: int,
) -> None:
    size_hw, masks = case
    folder = tmp_path_factory.mktemp("maps")
    labels = LabelSet(
        (Label("Я", (1, 2, 3)), Label("cat", (4, 5, 6)), Label("Cat", (4, 5, 6))), background, ignore_index
    )
    semantic = np.zeros(size_hw, np.uint8)
    for mask, value in zip(masks, (1, 2, ignore_index, 1, 2, 0), strict=False):
        semantic[mask] = value
    file = image_of(folder, "pictures/x.png", size_hw)
    shown = record(image_id="a&b/[1] — x", semantic=semantic, size_hw=size_hw, file=file, split="сплит")
    source = reread(folder / "set", [shown], labels)
    assert source.labels == labels
    (back,) = source
    assert (back.image_id, back.split, back.size_hw) == ("a&b/[1] — x", "сплит", size_hw)
    np.testing.assert_array_equal(back.semantic, semantic)


def test_a_set_of_ignored_pixels_is_read_again(tmp_path: Path) -> None:
    """0 and 255 alone are refused elsewhere: there, 255 is mostly meant as the object."""
    ignored = record(ignore=Bitmap(SIZE, encode(RING)))
    write(tmp_path, [ignored])
    (back,) = mmseg.read(tmp_path, options=ReadOptions())
    np.testing.assert_array_equal(back.semantic, RING * np.uint8(255))
