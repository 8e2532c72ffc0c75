"""Files that say what masks mean."""

from pathlib import Path

import pytest

from data_converters.pairs_key import passed_over, read_key

CAMVID = "64 128 64\tAnimal\n192 0 128\tArch\n"
CVAT = "# label:color\nsky:0,0,255::\nsea:0,255,255::\n"


@pytest.mark.parametrize(
    ("name", "text", "names", "values", "colors"),
    [
        ("class_dict.csv", "name,r,g,b\na,1,2,3\nb,255,0,0\n", ("a", "b"), (0, 1), (0x010203, 0xFF0000)),
        ("label_colors.txt", CAMVID, ("Animal", "Arch"), (0, 1), (0x408040, 0xC00080)),
        ("classes.txt", "# names\nbackground\n\nred apple\n", ("background", "red apple"), (0, 1), None),
        ("labels.txt", "0 ground\n7 rust\n", ("ground", "rust"), (0, 7), None),
        ("labelmap.txt", CVAT, ("sky", "sea"), (0, 1), (0xFF, 0xFFFF)),
        ("codes.txt", "Animal\nArchway\n", ("Animal", "Archway"), (0, 1), None),
        ("labels.txt", "__ignore__\n_background_\ncat\n", ("_background_", "cat"), (0, 1), None),
        ("colors.csv", "id;name;r;g;b\n0;a;0;0;0\n2;b;9;9;9\n", ("a", "b"), (0, 2), (0, 0x090909)),
    ],
)
def test_files_of_classes_are_understood(
    name: str, text: str, names: tuple, values: tuple, colors: tuple | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    known = read_key(tmp_path)
    assert known is not None
    assert (known.names, known.values, known.colors) == (names, values, colors)


@pytest.mark.parametrize("text", ["", "1,2,3\n", "a,1\nb\n", "a,1\na,2\n", "a,999\nb,1\n", "\0\n"])
def test_what_is_no_list_of_classes_is_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    (tmp_path / "readme.txt").write_text("a\nb\n", encoding="utf-8")
    assert read_key(tmp_path) is None


def test_files_of_classes_that_are_none_or_not_utf_8_are_told(tmp_path: Path) -> None:
    for encoding in ("cp1252", "utf-16"):
        (tmp_path / f"classes_{encoding[0]}.csv").write_text("name,r,g,b\nöl,9,9,9\n", encoding=encoding)
        (tmp_path / f"classes_{encoding[0]}.json").write_text('["öl", "see"]', encoding=encoding)
    (tmp_path / "labels.txt").write_text("1,2,3\n", encoding="utf-8")
    assert read_key(tmp_path) is None
    told = passed_over(tmp_path)
    assert [each.endswith("it is no UTF-8 text") for each in told] == [True] * 4 + [False]
    assert told[-1] == "labels.txt is passed over: it names no classes that are understood"


def test_classes_of_roboflow_are_those_of_its_splits(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        (tmp_path / split).mkdir()
        text = "Pixel Value, Class\n0, background\n1, ship\n"
        (tmp_path / split / "_classes.csv").write_text(text, encoding="utf-8")
    known = read_key(tmp_path)
    assert known is not None
    assert (known.names, known.values, known.colors) == (("background", "ship"), (0, 1), None)
    (tmp_path / "valid/_classes.csv").write_text(text.replace("ship", "boat"), encoding="utf-8")
    assert read_key(tmp_path) is None


def test_classes_of_voc_are_those_of_its_lists_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "VOC2012" / "ImageSets" / "Main"
    folder.mkdir(parents=True)
    for name in ("train", "val", "cat_train", "cat_val", "aeroplane_train", "aeroplane_val"):
        (folder / f"{name}.txt").touch()
    known = read_key(tmp_path)
    assert known is not None
    assert (known.names, known.values) == (("background", "aeroplane", "cat"), (0, 1, 2))
    (folder / "cat_val.txt").unlink()
    assert read_key(tmp_path) is None
