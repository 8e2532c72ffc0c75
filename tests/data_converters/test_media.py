"""Names stay inside the target, and image files come along as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.base import BadRecord
from data_converters.media import choose_media, file_suffix, image_digest, name_fault, place_image
from segloop.data.annotations import ImageRecord
from segloop.utils.errors import DataError, UserError


@pytest.mark.parametrize("name", ["a", "a/b.png", "R&D сцена — [1]", "a b/ c", "a../b..", "ab:c"])
def test_most_names_are_fine(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "no path"),
        ("a//b", "no path"),
        ("a/", "no path"),
        ("./a", "no path"),
        ("/a", "absolute"),
        ("set\\a.png", "made on Windows"),
        ("C:/a", "absolute"),
        ("a/../../b", "climbs out"),
        ("a\\..\\b", "climbs out"),
        ("a\0b", "no file's name"),
        ("a/.b", "hidden"),
        ("a\udcff", "no UTF-8"),
    ],
)
def test_names_that_lead_elsewhere_are_told(name: str, words: str) -> None:
    assert words in str(name_fault(name))


def test_the_formats_habit_holds_unless_the_user_says_otherwise() -> None:
    assert choose_media(None, default="none") == "none"
    assert choose_media("link", default="none") == "link"
    with pytest.raises(UserError, match=r"choose copy, hardlink, link, none\. Did you mean 'copy'"):
        choose_media("coppy", default="none")


@pytest.mark.parametrize(
    ("name", "file", "suffix"),
    [
        ("a/b.PNG", None, ".PNG"),
        ("a/b_rgb.png", None, ".png"),
        ("a/b", "x.jpg", ".jpg"),
        ("a/b", None, ""),
        ("a/b.ome.tif", None, ".ome.tif"),
    ],
)
def test_a_suffix_is_found(name: str, file: str | None, suffix: str) -> None:
    record = ImageRecord(image_id="a/b", name=name, file=Path(file) if file else None)
    assert file_suffix(record) == suffix


def test_images_are_copied_or_linked_and_trouble_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"image")
    place_image(tmp_path / "x.png", tmp_path / "a/b/y.png", media="copy")
    place_image(tmp_path / "x.png", tmp_path / "a/c/z.png", media="link")
    place_image(tmp_path / "a/c/z.png", tmp_path / "d/w.png", media="hardlink")
    assert (tmp_path / "d/w.png").samefile(tmp_path / "x.png")
    assert not (tmp_path / "d/w.png").is_symlink(), "a hard link to what the link leads to, not to the link"
    assert (tmp_path / "a/b/y.png").read_bytes() == (tmp_path / "a/c/z.png").read_bytes() == b"image"
    assert (tmp_path / "a/c/z.png").readlink() == tmp_path / "x.png"
    with pytest.raises(DataError, match=r"gone\.png could not be brought along: No such file"):
        place_image(tmp_path / "gone.png", tmp_path / "y.png", media="copy")
    with pytest.raises(BadRecord, match=r"gone\.png cannot be read: No such file"):
        image_digest(tmp_path / "gone.png", "gone")
    assert image_digest(tmp_path / "x.png", "x")[:4].hex() == "6105d6cc"
