"""Whatever names images is understood, and ids are paths below the root."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_converters.base import ReadOptions
from data_converters.inputs import find_inputs
from data_converters.places import check_apart
from segloop.utils.errors import DataError, UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/deep/3.png", "notes.txt"):
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("png"):
            Image.fromarray(np.zeros((4, 5), np.uint8)).save(file)
        else:
            file.write_text("a/2\n# no\nb/deep/3.png\n")
    return tmp_path / "images"


def ids(*words: Path | str, **options: object) -> list[str]:
    return [image.image_id for image in find_inputs([str(word) for word in words], **options).images]  # type: ignore[arg-type]


def test_files_folders_patterns_and_lists(folder: Path) -> None:
    assert ids(folder / "a/1.png") == ["1"]
    assert ids(folder) == ["a/1", "a/2", "b/1", "b/deep/3"]
    assert ids(f"{folder}/b/**/*.png") == ["1", "deep/3"]
    assert ids(f"{folder}/?/1.png") == ["a/1", "b/1"]
    assert ids(folder / "notes.txt") == ["a/2", "b/deep/3"]
    listed = folder.parent / "list.txt"
    listed.write_text("2\n1\n")
    assert ids(listed, options=ReadOptions(images=folder / "a")) == ["2", "1"]


def test_options_that_only_data_sets_heed_are_refused_for_images(folder: Path, tiny_root: Path) -> None:
    listed = folder / "notes.txt"
    for word in (folder, folder / "a/1.png", f"{folder}/b/*.png", listed):
        with pytest.raises(UserError, match="--list when no data set is read"):
            find_inputs([str(word)], options=ReadOptions(list_file=listed))
    with pytest.raises(UserError, match="--images when no data set is read"):
        find_inputs([str(folder)], options=ReadOptions(images=folder / "a"))
    with pytest.raises(UserError, match="--size when mmseg is read"):
        find_inputs([str(tiny_root)], options=ReadOptions(size_hw=(4, 4)))
    table = folder.parent / "ships.csv"
    table.write_text("ImageId,EncodedPixels\n2.png,1 2\n")
    with_set = find_inputs([str(folder / "b"), str(table)], options=ReadOptions(images=folder / "a"))
    assert [each.image_id for each in with_set.images] == ["1", "deep/3", "2"]


def test_an_image_of_another_kind_is_told(folder: Path) -> None:
    (folder / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(UserError, match=r"photo\.HEIC is no image \(\.png .*, no LIST \(\.txt"):
        find_inputs([str(folder / "photo.HEIC")])


def test_images_of_several_pages_are_told(folder: Path) -> None:
    pages = [Image.fromarray(np.zeros((4, 5), np.uint8)) for _ in range(3)]
    pages[0].save(folder / "a/stack.tif", save_all=True, append_images=pages[1:])
    pages[0].save(folder / "a/slide.tif", save_all=True, append_images=[pages[1].resize((2, 2))])
    pages[0].save(folder / "a/plain.tif")
    (folder / "a/broken.tif").write_bytes(b"II*\0")
    told = "1 image(s) have several pages, of which the first is taken: stack"
    assert find_inputs([str(folder / "a")]).told == (told,)


def test_several_words_share_the_folder_that_all_are_in_and_no_image_comes_twice(folder: Path) -> None:
    assert ids(folder / "a", folder / "b") == ["a/1", "a/2", "b/1", "b/deep/3"]
    assert ids(folder / "a/1.png", folder / "a", folder / "a/1.png") == ["1", "2"]
    records = find_inputs([str(folder / "b")], options=ReadOptions(split="test")).images
    assert [(each.name, each.split) for each in records] == [("1.png", "test"), ("deep/3.png", "test")]


def test_a_data_set_gives_the_images_of_a_split_without_its_labels(tiny_root: Path) -> None:
    found = find_inputs([str(tiny_root)], options=ReadOptions(split="val"))
    assert [each.split for each in found.images] == ["val", "val"]
    assert all(each.file and each.semantic is None for each in found.images)
    assert "is read as mmseg" in found.told[0]
    (next((tiny_root / "ann_dir/val").iterdir())).write_bytes(b"broken")  # a label is nothing to predict by
    assert len(find_inputs([str(tiny_root)], options=ReadOptions(split="val")).images) == 2
    with pytest.raises(UserError, match="Did you mean 'test'"):
        find_inputs([str(tiny_root)], options=ReadOptions(split="tset"))
    assert len(ids(tiny_root, from_format="images")) == 16  # masks are images, too, if somebody insists


def test_a_set_of_objects_gives_its_images(tmp_path: Path, folder: Path) -> None:
    table = tmp_path / "ships.csv"
    table.write_text("ImageId,EncodedPixels\n1.png,1 2\n2.png,\n")
    found = find_inputs([str(table)], options=ReadOptions(images=folder / "a"))
    assert [(each.image_id, each.file and each.file.name) for each in found.images] == [
        ("1", "1.png"),
        ("2", "2.png"),
    ]
    with pytest.raises(DataError, match="there is no image file"):
        find_inputs([str(table)])


def test_mistakes_are_told_together(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.txt").write_text("1\nno\n")
    words = [folder / "c", f"{folder}/*.jpg", tmp_path / "empty", tmp_path / "list.txt"]
    with pytest.raises(UserError) as caught:
        ids(*words)
    text = str(caught.value)
    assert all(
        each in text for each in ("There is no", "matches no image", "holds no image", "--images names")
    )
    (folder / "a/1.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"1\.jpg and .*1\.png would be the same image"):
        ids(folder)
    (folder / "a/1.jpg").unlink()
    (folder / "a/1.tif").write_bytes(b"")
    with pytest.raises(DataError, match="stand for two files"):
        ids(folder / "a/1.png", folder / "a/1.tif")


def test_a_list_names_each_image_by_its_place_below_the_folder_and_none_outside(folder: Path) -> None:
    listed = folder / "a/list.txt"
    listed.write_text(f"1\n./1.png\n../a/1\n{folder}/a/1.png\n")
    assert ids(listed) == ["1"]
    listed.write_text(f"../b/1\n{folder}/b/deep/3.png\n")
    with pytest.raises(UserError, match=r"2 image\(s\) outside of"):
        ids(listed)
    listed.write_text(f"{folder}/b/deep/3.png\n")
    assert ids(listed, options=ReadOptions(images=folder)) == ["b/deep/3"]


def test_an_id_in_a_list_finds_its_image_whatever_the_case_of_its_suffix(folder: Path) -> None:
    for name in ("b/IMG_1.JPG", "b/IMG_2.v2.Png"):
        (folder / name).touch()
    listed = folder / "list.txt"
    listed.write_text("b/IMG_1\nb/IMG_2.v2\nb/1\n")
    assert ids(listed) == ["b/IMG_1", "b/IMG_2.v2", "b/1"]
    listed.write_text("b/IMG_2\ngone/1\n")
    with pytest.raises(UserError, match=r"2 image\(s\) that are not in"):
        ids(listed)


def test_folders_whose_names_hold_brackets_are_taken_as_they_are(folder: Path) -> None:
    (folder / "b").rename(folder / "b[1]")
    assert ids(f"{folder}/b[1]/**/*.png") == ["1", "deep/3"]
    assert ids(f"{folder}/[ab]*/1.png") == ["a/1", "b[1]/1"]


def test_links_that_lead_nowhere_back_or_to_themselves_end(folder: Path) -> None:
    (folder / "b/up").symlink_to("..")
    (folder / "b/self.png").symlink_to("self.png")
    found = find_inputs([str(folder / "b")])
    assert [each.image_id for each in found.images] == ["1", "deep/3", "self"]  # told when it is read
    check_apart(folder.parent / "out", model="m.onnx", inputs=[str(folder / "b")], images=found.images)
    assert ids(f"{folder}/b/**/*.png") == ["1", "deep/3"]


def test_images_beside_jsons_of_labelme_are_all_taken(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    (tmp_path / "a.json").write_text('{"version": "5", "shapes": [], "imagePath": "a.png"}', encoding="utf-8")
    assert [each.image_id for each in find_inputs([str(tmp_path)]).images] == ["a", "b"]


def test_a_command_without_images_is_told_so() -> None:
    with pytest.raises(UserError, match="No images were named"):
        find_inputs([])
