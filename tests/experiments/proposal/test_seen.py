"""What a proposal goes by."""

from dataclasses import replace

from segloop.experiments.proposal.seen import size_text
from tests.experiments.proposal.sets import seen


def test_classes_of_objects_are_counted_without_the_background() -> None:
    names = ("background", "a", "b")
    assert seen(names=names).num_classes == 3
    assert seen(names=names, kind="instances").num_classes == 2
    assert seen(names=names).foreground == ("a", "b")


def test_a_window_is_wanted_where_images_are_larger_than_it() -> None:
    assert seen(size_hw=(64, 64)).wanted_window is None
    assert seen(size_hw=(400, 300), side=64).wanted_window == 96
    assert size_text((3, 4)) == "4x3"


def test_the_fullest_image_is_that_of_the_whole_set() -> None:
    assert seen(most=80).most_objects == 80
    assert replace(seen(most=80), fullest=375).most_objects == 375
