"""Classes without a colour get one that no other class has."""

from __future__ import annotations

from segloop.data.palette import complete_colors, voc_color


def test_the_palette_is_pascal_vocs() -> None:
    colors = [voc_color(number) for number in (0, 1, 2, 3, 8, 15, 255)]
    assert colors[:4] == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    assert colors[4:] == [(64, 0, 0), (192, 128, 128), (224, 224, 192)]


def test_given_colours_stay_and_new_ones_differ() -> None:
    given = [None, (0, 128, 0), None, (0, 128, 0), None]
    complete = complete_colors(given, background=4)
    assert complete == [(128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 128, 0), (0, 0, 0)]


def test_there_are_colours_for_more_classes_than_a_palette_has() -> None:
    complete = complete_colors([None] * 300)
    assert len(set(complete[:255])) == 255
    assert all(0 <= value <= 255 for color in complete for value in color)
