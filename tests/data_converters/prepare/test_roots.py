"""A download is found one folder up or down; elsewhere it is said what was looked for and what is there."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from data_converters.prepare.roots import find_root
from segloop.utils.errors import DataError

SHIPS = ("train_v2/", "*segmentations*.csv")


@pytest.fixture
def ships(tmp_path: Path) -> Path:
    """Return a folder that looks like a download of ships."""
    root = tmp_path / "airbus"
    (root / "train_v2").mkdir(parents=True)
    (root / "train_ship_segmentations_v2.csv").write_text("ImageId,EncodedPixels\n")
    return root


@pytest.mark.parametrize("named", ["airbus", ".", "airbus/train_v2"])
def test_the_root_is_found_from_above_and_from_below(tmp_path: Path, ships: Path, named: str) -> None:
    root, way = find_root(tmp_path / named, SHIPS, task="ships")
    assert (root.resolve(), way) == (ships.resolve(), 0)


def test_the_first_way_that_fits_is_told(ships: Path) -> None:
    assert find_root(ships, ("other/",), SHIPS, task="ships")[1] == 1


def test_a_file_in_the_place_of_a_folder_does_not_count(ships: Path) -> None:
    (ships / "train_v2").rmdir()
    (ships / "train_v2").write_text("")
    with pytest.raises(DataError):
        find_root(ships, SHIPS, task="ships")


def test_what_was_looked_for_and_what_is_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError) as caught:
        find_root(tmp_path, SHIPS, ("train.csv",), task="ships", hint="Download it first.")
    told = str(caught.value)
    assert "train_v2/, *segmentations*.csv" in told
    assert "train.csv" in told
    assert "It holds: notes.txt, pictures/." in told
    assert told.endswith("Download it first.")


def test_what_is_still_packed_is_told_with_the_command(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "train v2.zip", "w") as archive:
        archive.writestr("a.jpg", b"")
    with pytest.raises(DataError) as caught:
        find_root(tmp_path, SHIPS, task="ships")
    assert f"unzip -q '{tmp_path}/train v2.zip' -d '{tmp_path}/train v2'" in str(caught.value)


@pytest.mark.parametrize(("member", "target"), [("set/a.jpg", "."), ("a.jpg", "set")])
def test_a_zip_is_to_be_unpacked_so_that_one_folder_comes_of_it(
    tmp_path: Path, member: str, target: str
) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(member, b"")
    with pytest.raises(DataError, match="is an archive") as caught:
        find_root(tmp_path / "set.zip", SHIPS, task="ships")
    assert str(caught.value).endswith(f"unzip -q {tmp_path}/set.zip -d {tmp_path / target}")


def test_a_file_and_a_folder_that_is_not_there_are_told(tmp_path: Path, ships: Path) -> None:
    with pytest.raises(DataError, match=r"is a file\. The task ships reads a folder"):
        find_root(ships / "train_ship_segmentations_v2.csv", SHIPS, task="ships")
    with pytest.raises(DataError, match="does not exist"):
        find_root(tmp_path / "nowhere", SHIPS, task="ships")


def test_two_downloads_in_one_folder_have_to_be_told_apart(tmp_path: Path, ships: Path) -> None:
    other = tmp_path / "other"
    (other / "train_v2").mkdir(parents=True)
    (other / "train_ship_segmentations_v2.csv").write_text("")
    with pytest.raises(DataError, match=r"holds 2 downloads of the task ships; name one:\n.*airbus\n.*other"):
        find_root(tmp_path, SHIPS, task="ships")
