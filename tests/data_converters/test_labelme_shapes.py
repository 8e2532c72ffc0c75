"""LabelMe's shapes, one by one."""

from data_converters.labelme_shapes import read_shapes
from segloop.data.annotations import Box


def test_attributes_are_flags_and_the_description(tmp_path: object) -> None:
    problems: list[str] = []
    told = {"label": "a", "points": [[4, 1], [1, 3]], "shape_type": "rectangle", "flags": {"new": True}}
    (found,) = read_shapes([{**told, "description": "left"}], (8, 10), problems)
    assert found.attributes == {"new": True, "description": "left"}
    assert found.shape == Box((1.0, 1.0, 4.0, 3.0))
    assert problems == []
    assert read_shapes({}, (8, 10), problems) == []
    assert read_shapes([{**told, "points": [[1, 1], [1, 2]]}, 7], (8, 10), problems) == []
    assert problems == [
        "its shapes are no list",
        "shape 1: a rectangle without area",
        "shape 2: it is no object",
    ]


def test_groups_are_numbers_however_they_are_written() -> None:
    problems: list[str] = []
    told = {"label": "a", "points": [[4, 1], [1, 3], [2, 2]]}
    groups = [2, 2.0, "2", "", float("nan"), 1.5, "left", [1]]
    found = read_shapes([{**told, "group_id": group} for group in groups], (8, 10), problems)
    assert [each.group for each in found] == [2, 2, 2, None, None]
    assert problems == [
        "shape 6: its group_id is 1.5, no whole number",
        "shape 7: its group_id is 'left', no whole number",
        "shape 8: its group_id is [1], no whole number",
    ]


def test_what_lies_outside_the_image_is_told() -> None:
    problems: list[str] = []
    corner = {"label": "a", "points": [[9, 7], [12, 7], [12, 9]]}
    beyond = {"label": "a", "points": [[10, 1], [12, 1], [12, 3]]}
    box = {"label": "a", "points": [[1, -3], [4, 0]], "shape_type": "rectangle"}
    circle = {"label": "a", "points": [[-5, 5], [-5, 6]], "shape_type": "circle"}
    assert len(read_shapes([corner, beyond, box, circle], (8, 10), problems)) == 1
    assert problems == [f"shape {number}: it lies outside the image" for number in (2, 3, 4)]
