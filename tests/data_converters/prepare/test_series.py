"""Which images names say to be of one video or patient."""

import pytest

from data_converters.prepare.series import asked_of, clip_of, clips_of


@pytest.mark.parametrize(
    ("image_id", "clip"),
    [
        ("clip0/frame_000123", "clip0"),
        ("harbour_frame_12", "harbour"),
        ("harbour/frame12", "harbour"),
        ("a/Video_3_0001", "a/video_3"),
        ("Seq05VD_f02370", "seq05vd"),
        ("videos/harbour/0001", "videos/harbour"),
        ("Patient-07/slice_1", "patient-07"),
        ("frame_0001", "frame_0001"),
        ("scene_0001", "scene_0001"),
        ("ISIC_0000001", "ISIC_0000001"),
        ("Tile 1/image_part_001", "Tile 1/image_part_001"),
        ("suitcase_1_2", "suitcase_1_2"),
    ],
)
def test_names_tell_clips(image_id: str, clip: str) -> None:
    assert clip_of(image_id) == clip


def test_one_clip_or_one_for_each_image_is_no_grouping() -> None:
    assert clips_of(["clip1/frame_1", "clip1/frame_2"]) is None
    assert clips_of(["scene_1", "scene_2"]) is None
    assert clips_of(["clip1/frame_1", "clip1/frame_2", "x"]) == ["clip1", "clip1", "x"]


def test_names_that_begin_alike_are_asked_about() -> None:
    names = [f"{head}_{number:06d}" for head in ("0001TP", "0016E5") for number in range(3)]
    assert "2 ways: 0001tp (3), 0016e5 (3). If these are videos" in asked_of(names)
    assert asked_of([f"ISIC_{number}" for number in range(9)]) == ""
    assert asked_of([f"x{number}_1" for number in range(9)]) == ""
