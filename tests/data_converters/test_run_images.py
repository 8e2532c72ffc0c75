"""Image files are found by the names in rows, and what does not match is told with counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.formats import FORMATS
from data_converters.run_csv import Overview, look_over, open_table
from data_converters.run_images import ImageFiles, find_images
from segloop.utils.errors import DataError


def found_for(
    root: Path, names: list[str], *files: str, folder: Path | None = None
) -> tuple[ImageFiles, list[str], Overview]:
    """Write a CSV with a row for each name beside these image files, and look for the images."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"")
    source = root / "a.csv"
    source.write_text("ImageId,EncodedPixels\n" + "".join(f"{name},\n" for name in names))
    table = open_table(source, form="airbus", usual="a.csv")
    overview = look_over(table, named=0)
    files_found, told = find_images(table, overview, folder=folder, habits=("train", "test"), usual=".jpg")
    return files_found, told, overview


def located(files: ImageFiles, overview: Overview) -> list[tuple[str, str, Path | None]]:
    """Return id, name and file of each image."""
    return [
        files.locate(name, suffix)
        for name, suffix in zip(overview.names, overview.rows.suffixes, strict=True)
    ]


def test_names_with_and_without_suffix_find_their_files(tmp_path: Path) -> None:
    images = tmp_path / "i"
    files, told, overview = found_for(
        tmp_path, ["a.jpg", "d/b", "c.jpg"], "i/a.jpg", "i/d/b.PNG", "i/c.tif", folder=images
    )
    assert located(files, overview) == [
        ("a", "a.jpg", images / "a.jpg"),
        ("d/b", "d/b.PNG", images / "d/b.PNG"),
        ("c", "c.tif", images / "c.tif"),
    ]
    assert told == [
        f"3 of 3 images are in {images}.",
        "1 images are there under another suffix, first c.jpg is c.tif.",
    ]


def test_missing_images_and_images_without_a_row_are_counted(tmp_path: Path) -> None:
    images = tmp_path / "i"
    files, told, overview = found_for(
        tmp_path,
        ["a.jpg", "b.jpg", "c"],
        "i/a.jpg",
        "i/z.jpg",
        "i/y/x.png",
        "i/.hidden.jpg",
        "i/n.txt",
        folder=images,
    )
    assert located(files, overview)[1:] == [("b", "b.jpg", None), ("c", "c.jpg", None)]
    assert told[1] == f"2 images that the rows name are not in {images}, first 'b.jpg'."
    assert told[2] == f"2 images in {images} have no row and are left out, first 'z.jpg'."


def test_folders_of_the_competition_are_looked_into(tmp_path: Path) -> None:
    files, told, _ = found_for(tmp_path, ["a.jpg"], "train/b.jpg", "test/a.jpg")
    assert files.folder == tmp_path / "test"
    assert told[0] == f"1 of 1 images are in {tmp_path / 'test'}."
    files, told, overview = found_for(tmp_path, ["q.jpg"])
    assert (files.folder, told) == (None, [])
    assert located(files, overview) == [("q", "q.jpg", None)]


def test_two_files_of_one_image_are_refused_unless_the_row_says_which(tmp_path: Path) -> None:
    images = tmp_path / "i"
    files, _, overview = found_for(tmp_path, ["a.jpg"], "i/a.jpg", "i/a.png", folder=images)
    assert located(files, overview)[0][2] == images / "a.jpg"
    with pytest.raises(DataError, match=r"there twice.*:\n  a.jpg and a.png"):
        found_for(tmp_path, ["a"], folder=images)


def test_a_folder_that_is_not_there_is_told_and_links_lead_nowhere_twice(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        found_for(tmp_path, ["a.jpg"], folder=tmp_path / "none")
    images = tmp_path / "i"
    images.mkdir()
    (images / "round").symlink_to(images)
    _, told, _ = found_for(tmp_path, ["a.jpg"], "i/a.jpg", folder=images)
    assert told == [f"1 of 1 images are in {images}."]


@pytest.mark.parametrize("form", ["airbus", "sartorius"])
def test_a_list_picks_images_of_a_table(tmp_path: Path, form: str) -> None:
    header = {"airbus": "ImageId,EncodedPixels", "sartorius": "id,annotation"}[form]
    (tmp_path / "t.csv").write_text(f"{header}\na.png,1 2\nb,5 1\nc,\na.png,9 1\n")
    (tmp_path / "list.txt").write_text("# holes\nc\na\n")
    options = ReadOptions(size_hw=(4, 4), list_file=tmp_path / "list.txt")
    images = FORMATS[form].read(tmp_path / "t.csv", options=options)
    assert [(each.image_id, len(each.instances)) for each in images] == [("a", 2), ("c", 0)]
    (tmp_path / "list.txt").write_text("d\n")
    with pytest.raises(DataError, match=r"names 1 image\(s\) that are not there"):
        FORMATS[form].read(tmp_path / "t.csv", options=options)
