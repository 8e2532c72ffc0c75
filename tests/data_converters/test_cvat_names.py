"""No two images of an export are taken for one."""

from __future__ import annotations

import pytest

from data_converters.cvat_index import Image
from data_converters.cvat_names import name_fault, posix_name, tell_apart


def named(*images: tuple[str, str | None, str | None]) -> list[Image]:
    return [Image(0, 0, line, *image) for line, image in enumerate(images, 10)]


def test_names_stay_as_they_are_while_they_differ() -> None:
    images = named(
        ("a/1.png", None, None), ("b/1.png", None, None), ("A/1.png", None, None), ("1.png.png", None, None)
    )
    assert tell_apart(images) == ([image.name for image in images], [], [])


def test_one_name_in_two_subsets_is_two_images() -> None:
    names, told, problems = tell_apart(named(("1.png", "train", "1"), ("1.png", "val", "2")))
    assert (names, told, problems) == (["1.png", "1.png"], [], [])


def test_one_name_in_two_tasks_of_one_subset_gets_folders() -> None:
    images = named(("1.png", "default", "1"), ("1.jpg", None, "2"), ("2.png", "val", "3"))
    names, told, problems = tell_apart(images)
    assert names == ["task_1/1.png", "task_2/1.jpg", "task_3/2.png"]
    assert told == ["Images are called task_<id>/<name>, for 1 name(s) repeat across tasks."]
    assert problems == []


@pytest.mark.parametrize("task", [None, "1"])
def test_two_files_of_one_id_are_refused_naming_both(task: str | None) -> None:
    images = named(("a/1.png", None, task), ("b.png", None, task), ("a\\1.jpg", None, task))
    assert tell_apart(images)[2] == ["lines 10 and 12: 'a/1.png' and 'a\\\\1.jpg' would be the same image"]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "is empty"),
        ("./", "is empty"),
        ("a/../b.png", "climbs out of the folder of the images"),
        ("..\\b.png", "climbs out of the folder of the images"),
        ("/a.png", "is the path of one machine; it should be relative"),
        ("c:/a.png", "is the path of one machine; it should be relative"),
        ("a..b/…/1.png", None),
        (" a&b [1] — ё.png", None),
    ],
)
def test_names_that_lead_elsewhere(name: str, fault: str | None) -> None:
    assert name_fault(posix_name(name)) == fault
    problems = tell_apart([Image(0, 0, 7, name, None, None)])[2]
    assert problems == ([f"line 7: the name {name!r} {fault}"] if fault else [])
