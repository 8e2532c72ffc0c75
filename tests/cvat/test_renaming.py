"""Labels of one set come under the names and numbers of another, in objects, tags and index maps alike."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.cvat.renaming import labels_of_both, rename_labels, renamed
from segloop.data.annotations import ImageRecord, Label, LabelSet, Tag
from segloop.utils.errors import DataError, UserError
from tests.cvat.labels_made import instance, semantic
from tests.cvat.sets import set_of

OLD = LabelSet((Label("background"), Label("cat"), Label("dog")), background=0)


def test_two_labels_may_become_one() -> None:
    labels = LabelSet((Label("background"), Label("dog"), Label("puppy"), Label("cat")), background=0)
    record = semantic("a", np.array([[0, 1, 2, 3, 255]], np.uint8))
    found = rename_labels(set_of([record], labels), {"puppy": "dog"}, OLD)
    assert found.labels.names == ("background", "dog", "cat")
    back = found.load(0)
    assert back.semantic is not None
    assert back.semantic.tolist() == [[0, 1, 1, 2, 255]]


def test_objects_and_tags_follow() -> None:
    objects = (instance("puppy", "u", 1, 1, 5, 5),)
    record = ImageRecord(image_id="a", name="a.png", instances=objects, tags=(Tag("puppy"),))
    found = renamed(record, {"puppy": "dog"}, ())
    assert (found.instances[0].label, found.tags[0].label) == ("dog", "dog")


def test_numbers_and_backgrounds_are_those_of_the_old_set() -> None:
    new = LabelSet((Label("dog"), Label("ground")), background=1, ignore_index=200)
    labels, names, table = labels_of_both(OLD, new, add=False)
    assert (labels.names, names["ground"]) == (OLD.names, "background")
    assert (table[0], table[1], table[200]) == (2, 0, 255)
    back = renamed(semantic("a", np.array([[0, 1, 200]], np.uint8)), names, table)
    assert back.semantic is not None
    assert back.semantic.tolist() == [[2, 0, 255]]


def test_no_number_is_given_twice() -> None:
    tight = LabelSet(OLD.labels, background=0, ignore_index=3)
    with pytest.raises(UserError, match="fox"):
        labels_of_both(tight, LabelSet((Label("fox"),)), add=False)
    with pytest.raises(DataError, match="no number is left"):
        labels_of_both(tight, LabelSet((Label("fox"),)), add=True)
