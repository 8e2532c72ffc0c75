"""JSON files of single images."""

from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.json_images import Images, entries_of, find_json, parse
from segloop.utils.errors import DataError, FormatError, UserError


def test_embedded_pictures_are_not_kept_and_damage_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"imageData": "AAAA", "x": 1}', encoding="utf-8")
    assert parse(file) == {"imageData": None, "x": 1}
    for text, told in (("[1]", "no JSON object"), ("{", "no JSON that can be read")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(FormatError, match=told):
            parse(file)
    with pytest.raises(DataError, match="cannot be read"):
        parse(tmp_path / "b.json")


def test_an_image_is_found_where_it_is_said_to_be_beside_or_by_its_name(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.JPG", "b/3.png", "c/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    images = Images(tmp_path, None)
    assert images.find(tmp_path / "a" / "x.json", tmp_path / "a" / "1.png") == tmp_path / "a" / "1.png"
    assert images.find(tmp_path / "a" / "1.json", tmp_path / "gone.png") == tmp_path / "a" / "1.png"
    assert images.find(tmp_path / "x.json", tmp_path / "2.JPG") == tmp_path / "b" / "2.JPG"
    assert images.find(tmp_path / "x.json", tmp_path / "3.png") is None
    assert images.find(tmp_path / "x.json", tmp_path / f"1.png?signature={'a' * 300}") is None
    assert images.told() == ["2 image(s) have no JSON and are left out: b/3.png"]


def test_a_mask_that_is_called_like_the_image_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks/1.png").touch()
    assert Images(tmp_path, None).find(tmp_path / "x.json", tmp_path / "gone/1.png") is None


def test_an_image_of_another_split_or_folder_is_not_taken_for_its_namesake(tmp_path: Path) -> None:
    for name in ("images/val/1.png", "images/val/ulm/2.png", "images/val/bonn/2.png", "masks/val/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    images = Images(tmp_path, None)

    def find(name: str) -> str | None:
        file = tmp_path / "labels" / name
        found = images.find(file, file.with_suffix(".png"))
        return found and found.relative_to(tmp_path).as_posix()

    assert find("train/1.json") is None
    assert find("val/1.json") == find("1.json") == "images/val/1.png"
    assert find("val/bonn/2.json") == "images/val/bonn/2.png"
    assert find("val/2.json") is None


def test_ids_leave_out_splits_and_roles_and_two_of_one_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / "train" / "ann" / "a.png.json", tmp_path / "val" / "labels" / "s" / "b.json"]
    found = entries_of(tmp_path, files, ["a.png", "b.jpg"], [None, None], ReadOptions())
    assert [(each.split, each.name) for each in found] == [("train", "a.png"), ("val", "s/b.jpg")]
    with pytest.raises(DataError, match=r"several files of one image; .*\n  a: ann/a\.json and a\.json"):
        entries_of(
            tmp_path,
            [tmp_path / "ann" / "a.json", tmp_path / "a.json"],
            ["a.png"] * 2,
            [None] * 2,
            ReadOptions(),
        )


def test_a_split_is_picked_of_several_and_named_where_there_is_none(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("train/a.json", "valid/b.json", "c.json")]

    def ids(files: list[Path], split: str) -> list[tuple[str | None, str]]:
        options = ReadOptions(split=split)
        found = entries_of(tmp_path, files, ["x.png"] * len(files), [None] * len(files), options)
        return [(each.split, each.image_id) for each in found]

    assert ids(files, "val") == [("val", "b")]
    assert ids(files[2:], "val") == [("val", "c")]
    with pytest.raises(DataError, match=r"has no split 'vall' \(it has: train, val\)\. Did you mean 'val'\?"):
        ids(files, "vall")


def test_files_behind_a_link_to_another_disk_are_found(tmp_path: Path) -> None:
    for name in ("disk/1.json", "set/2.json", "set/.cache/3.json", "set/__MACOSX/4.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('{"x": 1}', encoding="utf-8")
    (tmp_path / "set/val").symlink_to(tmp_path / "disk", target_is_directory=True)
    files, _ = find_json(tmp_path / "set", lambda each: each.get("x"))
    assert files == [tmp_path / "set/2.json", tmp_path / "set/val/1.json"]


def test_other_files_are_passed_over_and_damaged_ones_told_together(tmp_path: Path) -> None:
    for name, text in (("a", '{"x": 1}'), ("classes", '["dent"]'), ("config", '{"y": 1}')):
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    assert find_json(tmp_path, lambda each: each.get("x")) == ([tmp_path / "a.json"], [1])
    for name in ("b", "c"):
        (tmp_path / f"{name}.json").write_text('{"x": ', encoding="utf-8")
    (tmp_path / "d.json").symlink_to("gone.json")
    with pytest.raises(UserError, match=r"(?s)b\.json: no JSON.*c\.json: no JSON.*d\.json cannot be read"):
        find_json(tmp_path, lambda each: each.get("x"))


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"y": 1}', encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.json is no JSON of this format"):
        find_json(tmp_path / "a.json", lambda each: each.get("x"))
