"""A conversion writes nowhere near its source, and only what its format makes."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_converters.base import ReadOptions, WriteOptions
from data_converters.convert import convert
from data_converters.formats import FORMATS
from data_converters.places import check_apart, check_links, check_options, check_places, check_write_options
from segloop.data.annotations import ImageRecord
from segloop.data.png import encode_rgb
from segloop.utils.errors import UserError


def check(source: Path, target: Path, *, reader: str = "mmseg", maker: str = "coco", **options: Path) -> None:
    check_places(source, target, reader=FORMATS[reader], maker=FORMATS[maker], options=ReadOptions(**options))


@pytest.mark.parametrize("target", ["set", "set/new", "set/a/../new", ".", "link/new"])
def test_a_target_in_or_around_the_source_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "set")
    with pytest.raises(UserError, match="only read"):
        check(tmp_path / "set", tmp_path / target)


def test_nor_may_it_hold_images_that_lie_beside_the_source(tmp_path: Path) -> None:
    (tmp_path / "train_v2").mkdir()
    image = tmp_path / "train_v2" / "b.png"
    image.write_bytes(encode_rgb(np.zeros((8, 10, 3), np.uint8)))
    (tmp_path / "ships.csv").write_text("ImageId,EncodedPixels\na.png,\nb.png,1 2\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"train_v2 holds the image .*b\.png, which is only read"):
        convert(
            tmp_path / "ships.csv",
            tmp_path / "train_v2",
            from_format="airbus",
            to_format="coco",
            workers=0,
            force=True,
        )
    assert image.is_file()


def test_images_beside_an_archive_of_labels_are_linked_to(tmp_path: Path) -> None:
    image = tmp_path / "train_v2" / "a.png"
    image.parent.mkdir()
    image.write_bytes(encode_rgb(np.zeros((8, 10, 3), np.uint8)))
    with zipfile.ZipFile(tmp_path / "ships.csv.zip", "w") as archive:
        archive.writestr("ships.csv", "ImageId,EncodedPixels\na.png,1 2\n")
    convert(
        tmp_path / "ships.csv.zip",
        tmp_path / "out",
        from_format="airbus",
        to_format="coco",
        write_options=WriteOptions(media="link"),
        workers=0,
    )
    assert (tmp_path / "out/images/default/a.png").resolve() == image


def test_nor_may_it_lie_in_the_images_or_replace_the_list(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "list.txt").touch()
    with pytest.raises(UserError, match="lies in the images"):
        check(tmp_path / "set", tmp_path / "images" / "new", images=tmp_path / "images")
    with pytest.raises(UserError, match="holds the list"):
        check(tmp_path / "set", tmp_path / "x", list_file=tmp_path / "x" / "list.txt")
    check(tmp_path / "set", tmp_path / "new", images=tmp_path / "images", list_file=tmp_path / "list.txt")


def test_nor_hold_the_folder_that_the_user_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "here" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "deep")
    with pytest.raises(UserError, match="folder that you are in"):
        check(Path("../../set"), Path(".."))


def test_directions_that_a_format_lacks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cvat-mask is not written: .*Choose mmseg, coco"):
        check(tmp_path, tmp_path / "x", maker="cvat-mask")
    with pytest.raises(UserError, match="does not exist"):
        check(tmp_path / "none", tmp_path / "x")


def test_a_target_is_named_as_what_it_will_be(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"airbus is written to a file that ends in \.csv"):
        check(tmp_path / "set", tmp_path / "new", maker="airbus")
    with pytest.raises(UserError, match="is a folder, and coco would write a file"):
        check(tmp_path / "set", tmp_path / "folder.json")
    with pytest.raises(UserError, match="is a file, and coco would write a folder"):
        check(tmp_path / "set", tmp_path / "file")
    check(tmp_path / "set", tmp_path / "v1.2")
    check(tmp_path / "set", tmp_path / "new.JSON")


def test_options_that_do_nothing_are_refused_together() -> None:
    coco, airbus = FORMATS["coco"], FORMATS["airbus"]
    read = ReadOptions(repair=True, split="train", semantic=True, list_file=Path("a"))
    write = WriteOptions(masks="exact-polygon", results=True, draw=True)
    with pytest.raises(UserError) as caught:
        check_options(coco, airbus, read, write)
    assert str(caught.value).splitlines()[1:] == [
        "  --repair when coco is read",
        "  --semantic when coco is read",
        "  --masks when airbus is written",
        "  --to-results when airbus is written",
    ]
    check_options(coco, coco, ReadOptions(size_hw=(1, 2)), WriteOptions(masks="exact-polygon", draw=True))


def test_options_that_do_nothing_beside_others_are_refused() -> None:
    masks, cityscapes = FORMATS["masks"], FORMATS["cityscapes"]
    asked = WriteOptions(overlap="area", media="copy")
    check_write_options(masks, replace(asked, numbers=True))
    check_write_options(cityscapes, asked)
    with pytest.raises(UserError, match="--overlap when masks is written without --numbers"):
        check_write_options(masks, asked)
    with pytest.raises(UserError, match=r"(?s)2 option.*--overlap when predict.*--media when predict"):
        check_write_options(cityscapes, replace(asked, results=True))


def test_nothing_is_linked_into_an_archive_for_it_is_unpacked_for_a_while(tmp_path: Path) -> None:
    source = tmp_path / "set.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(UserError, match=r"set\.zip cannot be linked to"):
        convert(
            source,
            tmp_path / "out",
            from_format="cvat",
            to_format="coco",
            write_options=WriteOptions(media="link"),
        )
    check_links(source, tmp_path, media="link")
    check_links(source, None, media="hardlink")
    check_links(tmp_path, None, media="link")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("photos", "lies in the input"),
        ("photos/new", "lies in the input"),
        (".", "holds the input"),
        ("runs", "holds the model"),
    ],
)
def test_predictions_are_never_written_over_what_they_are_made_from(
    tmp_path: Path, target: str, message: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/net.onnx").touch()
    images = [ImageRecord(image_id="1", name="1.png", file=tmp_path / "photos/1.png")]
    with pytest.raises(UserError, match=message):
        check_apart(
            tmp_path / target,
            model=str(tmp_path / "runs/net.onnx"),
            inputs=[str(tmp_path / "photos")],
            images=images,
        )


def test_nor_where_a_pattern_found_them(tmp_path: Path) -> None:
    images = [ImageRecord(image_id="1", name="1.png", file=tmp_path / "photos/1.png")]
    for target in (tmp_path / "photos", tmp_path / "photos/1.png"):
        with pytest.raises(UserError, match="holds the input"):
            check_apart(target, model="net", inputs=[str(tmp_path / "photos/*.png")], images=images)
    check_apart(tmp_path / "new", model="net", inputs=[str(tmp_path / "photos/*.png")], images=images)
