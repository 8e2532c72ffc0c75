"""Any download of index masks or objects: its format, its root and its author's splits are found, or told."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.prepare.base import Found
from data_converters.prepare.multiclass import find
from data_converters.prepare.record import Wish
from data_converters.prepare.road import prepare
from data_converters.prepare.tasks import TASKS
from segloop.data.info import ClassInfo, DatasetInfo, Files
from segloop.utils.errors import DataError, UserError
from tests.data_converters.coco_cases import write_coco
from tests.data_converters.prepare.prepare_cases import write_objects, write_pairs

NAMED = ReadOptions(labels=("background", "cat", "dog"))


def look(source: Path, **options: object) -> Found:
    return find(source, options=ReadOptions(**options))  # type: ignore[arg-type]


def splits(found: Found) -> list[tuple[str | None, str | None]]:
    return [(part.options.split, part.split) for part in found.parts]


def write_splits(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        write_pairs(root / "img_dir" / name, root / "ann_dir" / name, range(10 * number, 10 * number + 3))
    return root


def test_the_authors_folders_are_splits_under_our_names(tmp_path: Path) -> None:
    found = look(write_splits(tmp_path / "pets", "valid", "extra", "training"))
    assert splits(found) == [("training", "train"), ("valid", "val"), ("extra", "extra")]
    assert {part.format for part in found.parts} == {"mmseg"}
    assert (found.root, dict(found.facts)) == (tmp_path / "pets", {"name": "pets"})
    assert found.notes == ("It is read as mmseg: there is ann_dir and img_dir.",)


def test_two_folders_that_mean_one_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="splits that mean the same: val, valid"):
        look(write_splits(tmp_path, "train", "val", "valid"))


def test_a_split_whose_masks_nobody_gave_out_is_left_out(tmp_path: Path) -> None:
    root = write_splits(tmp_path, "train", "test")
    shutil.rmtree(root / "ann_dir/test")
    found = look(root)
    assert splits(found) == [("train", "train")]
    assert "The split test has no masks and is left out." in found.notes
    shutil.rmtree(root / "ann_dir/train")
    with pytest.raises(DataError, match=r"has no masks: looked for\n.*ann_dir/test"):
        look(root)


def test_folders_that_are_no_splits_are_cut_and_keep_their_images_apart(tmp_path: Path) -> None:
    found = look(write_splits(tmp_path, "berlin", "bonn"))
    assert splits(found) == [("berlin", None), ("bonn", None)]
    assert [part.prefix for part in found.parts] == ["berlin/", "bonn/"]


def test_a_flat_set_is_one_part_to_cut(tmp_path: Path) -> None:
    write_pairs(tmp_path / "img_dir", tmp_path / "ann_dir", range(3))
    found = look(tmp_path)
    assert splits(found) == [(None, None)]
    assert found.groups == ("clips", "near-duplicates")


@pytest.mark.parametrize("named", [".", "pets", "pets/img_dir", "pets/ann_dir"])
def test_a_folder_above_or_below_will_do(tmp_path: Path, named: str) -> None:
    write_splits(tmp_path / "pets", "train")
    assert look(tmp_path / named).root.resolve() == (tmp_path / "pets").resolve()


def test_a_folder_beside_another_set_is_not_taken_for_it(tmp_path: Path) -> None:
    write_splits(tmp_path, "train")
    (tmp_path / "notes").mkdir()
    with pytest.raises(DataError, match="no download that the task multiclass knows"):
        look(tmp_path / "notes")


def test_several_sets_in_one_folder_have_to_be_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_splits(tmp_path / name, "train")
    with pytest.raises(DataError, match=r"holds 2 sets; name one:\n  .*/a\n  .*/b"):
        look(tmp_path)


@pytest.mark.parametrize(("images", "masks"), [("images", "labels"), ("imgs", "annotations")])
def test_other_names_of_folders_are_known_and_so_are_other_endings_of_masks(
    tmp_path: Path, images: str, masks: str
) -> None:
    for split, numbers in (("train", range(6)), ("valid", range(6, 9))):
        write_pairs(tmp_path / split / images, tmp_path / split / masks, numbers, tail="_mask.png")
    found = find(tmp_path, options=NAMED)
    assert splits(found) == [("train", "train"), ("valid", "val")]
    assert found.notes == (f"It is read as mmseg: there are {images} and {masks}.",)
    wish = Wish(task=TASKS["multiclass"], source=tmp_path, drawing=None, options=NAMED)
    info = prepare(wish, tmp_path.with_name(f"{tmp_path.name}-set"), workers=1).info
    assert dict(info.splits) == {"train": 6, "val": 3}
    assert info.class_names == ("background", "cat", "dog")


def test_a_folder_of_masks_may_be_classes_or_objects_and_nobody_guesses(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_pairs(root / "images", root / "masks", range(3))
    for source in (root, tmp_path):
        with pytest.raises(UserError, match=r"choose with --from:\n  masks: .* objects\n  pairs: .* classes"):
            look(source)
    found = find(root, options=NAMED, from_format="mmseg")
    assert splits(found) == [(None, None)]
    assert find(root, options=ReadOptions(), from_format="masks").parts[0].format == "masks"


def test_a_description_beside_the_images_is_believed(tmp_path: Path) -> None:
    root = write_splits(tmp_path, "train", "val")
    classes = tuple(ClassInfo(name, (number, 0, 0)) for number, name in enumerate(("ground", "cat", "dog")))
    folders = {"images": Files("img_dir/{split}", ".png"), "masks": Files("ann_dir/{split}", ".png")}
    DatasetInfo(name="pets", task="x", classes=classes, splits={"train": 3, "val": 3}, **folders).write(root)
    found = look(root)
    assert splits(found) == [("train", "train"), ("val", "val")]
    assert dict(found.facts) == {}, "its own name is kept"


def test_coco_files_are_splits_or_one_set_to_cut(tmp_path: Path) -> None:
    found = look(write_objects(tmp_path / "a", range(3)))
    assert splits(found) == [(None, None)]
    for name in ("instances_train2017", "instances_val2017", "image_info_test2017"):
        write_coco(tmp_path / f"b/annotations/{name}.json")
    found = look(tmp_path / "b")
    assert splits(found) == [("train2017", "train"), ("val2017", "val")]
    assert "image_info_test2017.json has no annotations and is left out." in found.notes
    (tmp_path / "b/annotations/instances_val2017.json").unlink()
    found = look(tmp_path / "b")
    assert splits(found) == [("train2017", "train")]


def test_splits_that_a_format_tells_image_by_image_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    image = '<image id="{0}" name="{0}.png" width="8" height="6" subset="{1}"></image>'
    subsets = ("Train", "train2017", "Validation", "default")
    inner = "".join(image.format(number, subset) for number, subset in enumerate(subsets))
    file.write_text(f"<annotations><version>1.1</version>{inner}</annotations>")
    found = look(file)
    assert (found.parts[0].format, found.parts[0].split) == ("cvat", None)
    assert [found.parts[0].splits.get(name) for name in (*subsets,)] == ["train", "train", "val", None]


def test_what_is_no_download_is_told_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with zipfile.ZipFile(tmp_path / "masks.zip", "w") as archive:
        archive.writestr("masks/a.png", b"")
    with pytest.raises(DataError) as caught:
        look(tmp_path)
    assert "It holds:\n  masks.zip\n  pictures/" in str(caught.value)
    assert f"Unpack first:\n  unzip -q {tmp_path}/masks.zip -d {tmp_path}" in str(caught.value)
    with pytest.raises(DataError, match=r"an archive of no format that is read packed; unpack it"):
        look(tmp_path / "masks.zip")
    with pytest.raises(UserError, match="does not exist"):
        look(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match="of no format that is known"):
        look(tmp_path / "notes.txt")


def test_options_that_the_format_does_nothing_with_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--reduce-zero-label when coco is read"):
        look(write_objects(tmp_path, range(3)), reduce_zero_label=True)
    with pytest.raises(UserError, match="no format 'voc'"):
        find(tmp_path, options=ReadOptions(), from_format="voc")
    with pytest.raises(UserError, match="does not exist"):
        find(tmp_path / "nowhere", options=ReadOptions(), from_format="coco")
