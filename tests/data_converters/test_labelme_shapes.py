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
