"""Images are chosen by a LIST, cut into tasks, and zipped under the names that the server will know."""

from __future__ import annotations

import weakref
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_converters import cvat_loop
from segloop.cvat.packages import plan_packages, write_images
from segloop.data.annotations import ImageRecord, Instance, LabelledImages
from segloop.utils.errors import DataError, UserError
from tests.cvat.sets import LABELS, SIZE, box, hard_set, image, picture, set_of


@pytest.fixture
def images(tmp_path: Path) -> LabelledImages:
    records = [image(tmp_path, f"{name}.png", split=split) for name, split in ("xu", "yu", "xv", "zv")]
    return set_of(records, LABELS)


def test_a_list_gives_the_order_and_the_ranks(images: LabelledImages) -> None:
    plan = plan_packages(images, ["v/x", "z", "y"], chunk=2)
    assert [[frame.name for frame in chunk] for chunk in plan.chunks] == [["v/x.png", "v/z.png"], ["u/y.png"]]
    assert [frame.rank for frame in plan.frames] == [1, 2, 3]


def test_a_long_list_of_index_maps_is_not_held_in_memory(tmp_path: Path) -> None:
    maps: list[weakref.ref[np.ndarray]] = []
    file = picture(tmp_path, "a.png")

    def load(key: int) -> ImageRecord:
        assert sum(each() is not None for each in maps) < 3
        semantic = np.zeros(SIZE, np.uint8)
        maps.append(weakref.ref(semantic))
        return ImageRecord(image_id=f"{key}", name=f"{key}.png", file=file, size_hw=SIZE, semantic=semantic)

    images = LabelledImages(labels=LABELS, keys=range(5), load=load)
    plan = plan_packages(images, ["4", "3", "2", "1", "0"])
    assert [frame.name for frame in plan.frames] == ["4.png", "3.png", "2.png", "1.png", "0.png"]


def test_ids_that_nobody_has_or_two_have_are_refused(images: LabelledImages) -> None:
    with pytest.raises(UserError, match=r"2 image\(s\) that the set has not"):
        plan_packages(images, ["y", "nobody", "noone"])
    with pytest.raises(UserError, match=r"1 image\(s\) that the RUN work_dirs/x has not"):
        plan_packages(images, ["y", "nobody"], source="the RUN work_dirs/x")
    with pytest.raises(UserError, match="several splits"):
        plan_packages(images, ["x"])


def test_all_that_keeps_images_from_going_is_told_at_once(tmp_path: Path) -> None:
    records = [
        replace(image(tmp_path, "gone.png"), file=tmp_path / "nowhere.png"),
        replace(image(tmp_path, "small.png"), size_hw=(3, 4)),
        image(tmp_path, "same.png"),
        image(tmp_path, "same.jpg"),
        image(tmp_path, ".hidden.png"),
        replace(image(tmp_path, "odd.png"), image_id="odd", name="odd.dcm"),
    ]
    with pytest.raises(DataError, match="5 image") as error:
        plan_packages(set_of(records, LABELS))
    told = str(error.value)
    assert all(word in told for word in ("no image file", "4x3", "same to CVAT", "hidden", "odd.dcm"))


def test_the_zip_holds_the_bytes_of_each_file_under_the_names_of_the_frames(tmp_path: Path) -> None:
    plan = plan_packages(hard_set(tmp_path))
    for name in ("one.zip", "two.zip"):
        write_images(plan.frames, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == [frame.name for frame in plan.frames]
        assert all(archive.read(frame.name) == frame.file.read_bytes() for frame in plan.frames)
    assert {"a/1.png", "b/1.png", "link.png"} <= {frame.name for frame in plan.frames}


def test_sizes_are_what_a_viewer_sees(tmp_path: Path) -> None:
    exif = plan_packages(hard_set(tmp_path)).frames[5]
    assert (exif.name, exif.size_hw) == ("turned.jpg", (48, 64))


def test_what_is_sent_holds_identities_scores_ranks_and_ignored_pixels(tmp_path: Path) -> None:
    ship = Instance(label="0", shape=box(1, 1, 5, 5), score=0.5)
    record = image(tmp_path, "a.png", [ship, ship], ignore=box(0, 0, 2, 2))
    plan = plan_packages(set_of([record], LABELS), ["a"])
    first, second, ignored = plan.sent(plan.frames[0]).instances
    assert (first.attributes, first.uid != second.uid) == ({"score": "0.5", "rank": "1"}, True)
    assert [first.z_order, second.z_order, ignored.z_order] == [0, 1, 2]
    assert ignored.label == plan.carrier.ignore == "ignore"


def test_identities_are_the_same_each_time_and_differ_between_images(tmp_path: Path) -> None:
    again = [
        [each.uid for frame in plan.frames for each in plan.objects(frame).instances]
        for plan in (plan_packages(hard_set(tmp_path / name)) for name in "xy")
    ]
    assert again[0] == again[1]
    assert len(set(again[0])) == len(again[0])


def test_an_unreadable_image_says_which(tmp_path: Path) -> None:
    plan = plan_packages(set_of([image(tmp_path, "a.png")], LABELS))
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png cannot be read"):
        write_images(plan.frames, tmp_path / "x.zip")


def test_images_are_cut_by_size_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segloop.cvat.packages.MOST_BYTES", picture(tmp_path, "p.png").stat().st_size + 1)
    plan = plan_packages(set_of([image(tmp_path, f"{name}.png") for name in "ab"], LABELS))
    assert [len(chunk) for chunk in plan.chunks] == [1, 1]


def test_the_xml_numbers_images_by_frame(tmp_path: Path) -> None:
    plan = plan_packages(hard_set(tmp_path))
    losses = cvat_loop.write(plan.labels, [plan.sent(frame) for frame in plan.frames], tmp_path / "a.xml")
    text = (tmp_path / "a.xml").read_text(encoding="utf-8")
    assert losses == {}
    for number, frame in enumerate(plan.frames):
        assert f'<image id="{number}" name="{frame.name}"' in text


def test_images_go_whose_kind_this_machine_has_not_heard_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mimetypes.guess_type", lambda name: (None, None))
    plan = plan_packages(set_of([image(tmp_path, "a.webp")], LABELS))
    assert [frame.name for frame in plan.frames] == ["a.webp"]


def test_values_that_are_too_long_are_told_before_anything_is_sent(tmp_path: Path) -> None:
    long = Instance(label="0", shape=box(1, 1, 2, 2), attributes={"note": "x" * 4097, "short": "x" * 4096})
    with pytest.raises(
        DataError, match="a: 0: its attribute 'note' has 4097 characters, and CVAT takes 4096"
    ):
        plan_packages(set_of([image(tmp_path, "a.png", [long])], LABELS))
