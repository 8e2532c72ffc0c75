"""Tracks become objects on frames as CVAT shows them, whether a file holds all frames or key frames alone."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest

from data_converters import cvat, cvat_tracks
from data_converters.base import BadRecord, ReadOptions
from data_converters.cvat_shapes import Element
from data_converters.cvat_tracks import between
from segloop.data import masks
from segloop.data.annotations import Attribute, Bitmap, Box, ImageRecord, Opaque
from segloop.utils.errors import FormatError
from tests.data_converters.cvat_cases import VIDEO, picture, read_text, write_zip


def key_frames(*shapes: str, stop: int = 9, head: str = "", size: str = "") -> str:
    """Return a video of key frames alone, one track a line of `shapes`."""
    tracks = "\n".join(
        f'<track id="{number}" label="a" source="manual">{each}</track>' for number, each in enumerate(shapes)
    )
    frames = f"<start_frame>0</start_frame><stop_frame>{stop}</stop_frame>{head}"
    size = size or "<original_size><width>20</width><height>10</height></original_size>"
    meta = f"<task>{frames}<labels><label><name>a</name></label></labels>{size}</task>"
    return f"<annotations>\n<meta>{meta}</meta>\n{tracks}</annotations>"


def box(frame: int, left: float, *, outside: int = 0, keyframe: int = 1, more: str = "") -> str:
    sides = f'xtl="{left}" ytl="0" xbr="{left + 4}" ybr="4"'
    return f'<box frame="{frame}" keyframe="{keyframe}" outside="{outside}" occluded="0" {sides}{more}/>'


def lefts(records: Sequence[ImageRecord]) -> list[list[float]]:
    """Return the left edges of the boxes of each frame."""
    return [[each.shape.box_xyxy[0] for each in record.instances] for record in records]  # type: ignore[union-attr]


def test_a_video_as_cvat_dumps_it(tmp_path: Path) -> None:
    found = read_text(tmp_path, VIDEO)
    assert found.told == (
        "2 track(s) became 5 object(s) on 4 frame(s); the attribute track_id says of which track, keyframe "
        "whether it was drawn there.",
    )
    records = list(found)
    assert [each.image_id for each in records] == [f"frame_00000{number}" for number in range(4)]
    assert {(each.size_hw, each.split, each.file) for each in records} == {((10, 20), None, None)}
    car, mask = records[0].instances
    assert (car.shape, car.group, car.source) == (Box((0, 0, 4, 4)), 2, "manual")
    assert car.attributes == {"side": "left", "track_id": 0, "keyframe": True}
    assert isinstance(mask.shape, Bitmap)
    assert masks.decode(mask.shape.runs, (10, 20))[8:, 16:18].tolist() == [[False, True], [True, True]]
    assert (mask.source, mask.attributes["track_id"]) == ("auto", 1)
    assert [[each.attributes["keyframe"] for each in r.instances] for r in records] == [
        [True, True],
        [False],
        [True],
        [False],
    ]
    assert lefts(records[1:]) == [[1], [2], [2]]
    assert (records[2].instances[0].occluded, records[2].instances[0].z_order) == (True, 1)
    assert found.labels.labels[0].attributes[1:] == (
        Attribute("track_id", "number", ("0", "1", "1"), "0"),
        Attribute("keyframe", "checkbox", ("false",), "false", mutable=True),
    )


def test_key_frames_alone_are_filled_as_cvat_does_on_import(tmp_path: Path) -> None:
    text = key_frames(
        box(1, 0) + box(4, 3) + box(6, 5, outside=1) + box(8, 9),
        '<mask frame="0" keyframe="1" outside="0" rle="4" left="0" top="0" width="2" height="2"/>'
        '<mask frame="2" keyframe="1" outside="1" rle="4" left="0" top="0" width="2" height="2"/>',
    )
    found = read_text(tmp_path, text)
    records = [pickle.loads(pickle.dumps(found.load))(pickle.loads(pickle.dumps(key))) for key in found.keys]
    cars = [[each for each in record.instances if isinstance(each.shape, Box)] for record in records]
    assert [[each.shape.box_xyxy[0] for each in some] for some in cars] == [  # type: ignore[union-attr]
        [],
        [0],
        [1],
        [2],
        [3],
        [4],  # on the way to where it leaves
        [],
        [],
        [9],
        [9],  # and on to the end
    ]
    assert [len(record.instances) - len(some) for record, some in zip(records, cars, strict=True)] == [
        1,
        1,
        *[0] * 8,
    ]
    assert cars[2][0].attributes == {"track_id": 0, "keyframe": False}
    assert found.told[1] == (
        "5 of the objects lie between key frames: boxes, ellipses and cuboids on the way from one to the "
        "next, masks and outlines as on the one before."
    )


def test_what_lacks_in_a_file_of_all_frames_was_not_there(tmp_path: Path) -> None:
    found = read_text(tmp_path, key_frames(box(0, 0) + box(1, 1, keyframe=0) + box(5, 5)))
    assert [len(each.instances) for each in found] == [1, 1, 0, 0, 0, 1, 0, 0, 0, 0]
    assert len(found.told) == 1
    # An object of the last frame but one: CVAT leaves out its end, and that is no sign of key frames alone.
    found = read_text(tmp_path, key_frames(box(8, 0), box(0, 0) + box(1, 0, outside=1)))
    assert [len(each.instances) for each in found] == [1, 0, 0, 0, 0, 0, 0, 0, 1, 0]


def test_deleted_frames_have_no_image_and_no_object(tmp_path: Path) -> None:
    names = [f"images/frame_00000{number}.PNG" for number in (0, 1, 3)]
    text = key_frames(box(0, 0) + box(3, 3), stop=3)
    members = {"annotations.xml": text, **{name: picture(20, 10) for name in names}}
    found = cvat.read(write_zip(tmp_path, members), options=ReadOptions())
    records = list(found)
    assert [each.name for each in records] == [name.removeprefix("images/") for name in names]
    assert lefts(records) == [[0], [1], [3]]
    assert all(each.file for each in records)


def test_every_other_frame_and_sizes_from_elsewhere(tmp_path: Path) -> None:
    text = key_frames(
        box(10, 0) + box(14, 4), stop=16, head="<frame_filter>step=2</frame_filter>", size=" "
    ).replace("<start_frame>0", "<start_frame>10")
    found = read_text(tmp_path, text, size_hw=(10, 20), split="clip")
    records = list(found)
    assert [each.image_id for each in records] == [f"frame_0000{number}" for number in (10, 12, 14, 16)]
    assert lefts(records) == [[0], [2], [4], [4]]
    assert {(each.size_hw, each.split) for each in records} == {((10, 20), "clip")}


def test_without_meta_frames_are_those_that_stand_in_the_file(tmp_path: Path) -> None:
    bare = VIDEO[: VIDEO.index("  <meta>")] + VIDEO[VIDEO.index("  <track") :]
    found = read_text(tmp_path, bare)
    assert len(found) == 4
    with pytest.raises(BadRecord, match="the image has neither width and height nor a file"):
        found.load(found.keys[0])
    assert len(found.load(found.keys[1]).instances) == 1


def test_a_project_of_two_videos(tmp_path: Path) -> None:
    task = "<task><id>{}</id><start_frame>0</start_frame><stop_frame>2</stop_frame><subset>{}</subset></task>"
    label = "<labels><label><name>a</name></label></labels>"

    def text(*tasks: tuple[int, str]) -> str:
        meta = "".join(task.format(*each) for each in tasks)
        tracks = "".join(
            f'<track id="{number}" label="a" task_id="{number}" subset="x">{box(frame, number)}'
            f"{box(frame + 1, 0, outside=1)}</track>"
            for number, frame in ((4, 0), (5, 0 if tasks[1][1] == "val" else 3))
        )
        return (
            f"<annotations><meta><project><tasks>{meta}</tasks>{label}</project></meta>{tracks}</annotations>"
        )

    records = list(read_text(tmp_path, text((4, "train"), (5, "val"))))
    assert [(each.image_id, each.split) for each in records] == [
        (f"frame_00000{number}", split) for split in ("train", "val") for number in range(3)
    ]
    assert lefts(records) == [[4], [], [], [5], [], []]
    records = list(read_text(tmp_path, text((4, "train"), (5, "train"))))  # frames go on in a subset
    assert [each.image_id for each in records] == [f"frame_00000{number}" for number in range(6)]
    assert lefts(records) == [[4], [], [], [5], [], []]
    with pytest.raises(FormatError, match="the track is of task '5', which <meta> does not name"):
        read_text(tmp_path, text((4, "train"), (6, "val")))


def test_skeletons_show_what_is_not_outside(tmp_path: Path) -> None:
    def skeleton(frame: int, *parts: tuple[str, int, float]) -> str:
        inner = "".join(
            f'<points label="{name}" keyframe="1" outside="{outside}" occluded="0" points="{x},1.00"/>'
            for name, outside, x in parts
        )
        return f'<skeleton frame="{frame}" keyframe="1" z_order="0">{inner}</skeleton>'

    text = key_frames(
        skeleton(0, ("head", 0, 0), ("tail", 1, 9))
        + skeleton(2, ("tail", 0, 5), ("head", 0, 4))
        + skeleton(3, ("head", 1, 4), ("tail", 1, 5)),
        stop=3,
    )
    records = list(read_text(tmp_path, text))
    assert [len(each.instances) for each in records] == [1, 1, 1, 0]
    shape = records[1].instances[0].shape
    assert isinstance(shape, Opaque)
    assert [part["points"] for part in shape.payload["elements"]] == [[[2, 1]], [[7, 1]]]


@pytest.mark.parametrize(
    ("tag", "one", "other", "half"),
    [
        (
            "ellipse",
            {"cx": "0", "cy": "2", "rx": "1", "ry": "1"},
            {"cx": "3", "cy": "2", "rx": "2", "ry": "1"},
            {"cx": "1.50", "cy": "2.00", "rx": "1.50", "ry": "1.00"},
        ),
        ("points", {"points": "0,0"}, {"points": "1,3"}, {"points": "0.50,1.50"}),
        ("points", {"points": "0,0;1,1"}, {"points": "1,3;2,2"}, {"points": "0,0;1,1"}),
        ("polygon", {"points": "0,0;1,0;1,1"}, {"points": "2,2;3,2;3,3"}, {"points": "0,0;1,0;1,1"}),
        ("box", {"rotation": "350"}, {"rotation": "20"}, {"rotation": "5.00"}),
        ("box", {"rotation": "10"}, {}, {"rotation": "5.00"}),
    ],
)
def test_shapes_on_their_way(
    tag: str, one: dict[str, str], other: dict[str, str], half: dict[str, str]
) -> None:
    sides = dict.fromkeys(("xtl", "ytl", "xbr", "ybr"), "1") if tag == "box" else {}
    found = between(Element(tag, {**sides, **one}, 1), Element(tag, {**sides, **other}, 2), 0.5)
    assert {name: found.values[name] for name in half} == half


def test_shapes_of_two_kinds_stay_as_they_are() -> None:
    one = Element("box", {"xtl": "0", "ytl": "0", "xbr": "1", "ybr": "1"}, 1)
    assert between(one, Element("polygon", {"points": "0,0;1,0;1,1"}, 2), 0.5).values == one.values
    broken = Element("box", {"xtl": "x"}, 1)
    assert between(broken, one, 0.5) == broken


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (key_frames(box(12, 0)), "line 3: frame 12 is none of the task's"),
        (key_frames(box(1, 0) + "\n" + box(1, 1)), "lines 3 and 4: frame 1 stands twice in a track"),
        (
            key_frames(box(1, 0).replace('frame="1"', 'frame="-1"')),
            "line 3: <box> of a track has the frame '-1'",
        ),
        (key_frames(box(1, 0), stop=10**7), "<meta> says 10000001 frames; at most 1048576 are read"),
        (key_frames(box(1, 0)).replace(' label="a"', ""), "line 3: <track> has no label"),
    ],
)
def test_videos_that_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FormatError, match=told):
        read_text(tmp_path, text)


def test_too_many_frames_to_fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cvat_tracks, "MOST_FILLED", 100)
    with pytest.raises(FormatError, match="199 objects lie between key frames; at most 100 are read"):
        read_text(tmp_path, key_frames(box(0, 0), stop=199))


def test_all_problems_of_a_frame(tmp_path: Path) -> None:
    wrong = '<mask frame="0" keyframe="1" outside="0" rle="3" left="0" top="0" width="2" height="2"/>'
    found = read_text(tmp_path, key_frames(wrong, "\n" + box(0, 50), stop=0))
    with pytest.raises(BadRecord) as caught:
        found.load(found.keys[0])
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["line 3", "line 5"]


def test_a_long_video_is_planned_without_its_shapes(tmp_path: Path) -> None:
    text = key_frames(*["".join(box(frame, 0) for frame in range(50))] * 40, stop=49)
    found = read_text(tmp_path, text)
    assert len(found.keys) == 50
    assert found.keys[49].frame == 49
    assert [key.frame for key in found.keys[3:6]] == [3, 4, 5]
    assert len(pickle.dumps(found.keys[7])) < 40 * 300
    assert len(found.load(found.keys[7]).instances) == 40
