"""Tables and JSON files that name classes."""

from pathlib import Path

import pytest

from data_converters.pairs_key import read_key

ADE = "Idx\tRatio\tStuff\tName   \n1\t0.15\t1\twall   \n2\t0.1\t1\tbuilding, edifice   \n"
NINJA = (
    '{"classes": [{"title": "Water", "color": "#E2A929"}, {"title": "Land", "color": "#8429f6"}], "tags": []}'
)
SEA, SKY = '{"sea": 3, "sky": 1}', '{"sea": [0, 0, 9], "sky": [9, 9, 9]}'


@pytest.mark.parametrize(
    ("name", "text", "names", "values", "colors"),
    [
        ("objectInfo150.txt", ADE, ("wall", "building"), (1, 2), None),
        ("classes.csv", "label,id\na,0\nb,7\n", ("a", "b"), (0, 7), None),
        ("classes.json", NINJA, ("Water", "Land"), (0, 1), (0xE2A929, 0x8429F6)),
        ("labels.json", SEA, ("sea", "sky"), (3, 1), None),
        ("labels.json", '{"0": "sea", "2": "sky"}', ("sea", "sky"), (0, 2), None),
        ("colors.json", SKY, ("sea", "sky"), (0, 1), (0x000009, 0x090909)),
        ("classes.json", '["sea", "sky"]', ("sea", "sky"), (0, 1), None),
        ("labels.json", '[{"id": 4, "name": "a"}, {"id": 2, "name": "b"}]', ("a", "b"), (4, 2), None),
    ],
)
def test_tables_and_json_name_classes(
    name: str, text: str, names: tuple, values: tuple, colors: tuple | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    known = read_key(tmp_path)
    assert known is not None
    assert (known.names, known.values, known.colors) == (names, values, colors)


@pytest.mark.parametrize("text", ["{", "7", '{"a": "b"}', '{"images": [], "annotations": []}', '["a", "a"]'])
def test_other_json_is_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(text, encoding="utf-8")
    assert read_key(tmp_path) is None
