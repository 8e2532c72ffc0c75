"""Files, arrays and Pillow images reach the network as training's loader would have read them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segloop.experiments.predict.pictures import Pictures, as_bgr, as_rgb
from segloop.utils.errors import ConfigError, DataError, UserError

NOISE = np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8)
STEPS = [
    dict(type="mmcv.LoadImageFromFile"),
    dict(type="mmseg.LoadAnnotations"),
    dict(type="mmseg.PackSegInputs"),
]


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return Pictures(STEPS)


def loaded(pictures: Pictures, file: Path) -> np.ndarray:
    return pictures.of_file(file)["shown"]


@pytest.mark.parametrize("kind", ["grey", "alpha", "deep", "turned", "palette", "plain"])
def test_a_pillow_image_is_what_the_loader_reads(pictures: Pictures, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "image.png"
    if kind == "grey":
        Image.fromarray(NOISE[..., 0]).save(file)
    elif kind == "alpha":
        Image.fromarray(np.dstack([NOISE, NOISE[..., :1]]), "RGBA").save(file)
    elif kind == "deep":
        cv2.imwrite(str(file), NOISE[..., 0].astype(np.uint16) * 257)
    elif kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(NOISE).save(file, exif=exif)
    elif kind == "palette":
        Image.fromarray(NOISE).quantize(8).save(file)
    else:
        Image.fromarray(NOISE).save(file)
    with Image.open(file) as image:
        ours = as_bgr(image)
    assert (ours == loaded(pictures, file)).all()
    assert ours.shape == ((7, 9, 3) if kind == "turned" else (9, 7, 3))
    assert (as_rgb(ours) == ours[..., ::-1]).all()


def test_a_pillow_image_that_shows_nothing_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cut.png"
    Image.fromarray(NOISE).save(file)
    file.write_bytes(file.read_bytes()[:100])
    with Image.open(file) as image, pytest.raises(DataError, match="Pillow image cannot be decoded"):
        as_bgr(image)
    with pytest.raises(DataError, match="conversion from La"):
        as_bgr(Image.new("La", (3, 2)))
    with pytest.raises(UserError, match="0x2 pixels"):
        as_bgr(Image.new("RGB", (0, 2)))


def test_arrays_are_grey_where_the_loader_reads_grey(tmp_path: Path) -> None:
    grey = Pictures([STEPS[0] | dict(color_type="grayscale"), *STEPS[1:]])
    cv2.imwrite(str(tmp_path / "image.png"), NOISE[..., 0])
    read, given = grey.of_file(tmp_path / "image.png"), grey.of_array(as_bgr(NOISE[..., 0]))
    assert read["inputs"].shape == given["inputs"].shape == (1, 9, 7)
    assert (read["inputs"] == given["inputs"]).all()
    part = grey.of_array(read["shown"][2:5, :, None])  # as windows cut it
    assert (part["inputs"] == read["inputs"][:, 2:5]).all()


def test_arrays_say_their_channels_and_deep_ones_keep_their_upper_bits() -> None:
    assert (as_bgr(NOISE, channels="bgr") == NOISE).all()
    assert (as_bgr(NOISE, channels="rgb") == NOISE[..., ::-1]).all()
    assert (as_bgr(NOISE[..., 0]) == NOISE[..., :1]).all()
    assert (as_bgr(NOISE.astype(np.uint16) * 256 + 7, channels="bgr") == NOISE).all()
    with pytest.raises(UserError, match="channels='rgb'"):
        as_bgr(NOISE)
    with pytest.raises(UserError, match="not float64"):
        as_bgr(NOISE / 255, channels="rgb")
    with pytest.raises(UserError, match=r"\[9, 7, 3, 1\]"):
        as_bgr(NOISE[..., None], channels="rgb")
    with pytest.raises(UserError, match="not str"):
        as_bgr("image.png")  # type: ignore[arg-type]


def test_values_that_no_byte_stands_for_are_refused_and_never_clipped() -> None:
    grey = np.full((3, 4), 0.5, np.float32)
    with pytest.raises(UserError, match="mode F"):
        as_bgr(Image.fromarray(grey))
    with pytest.raises(UserError, match="beyond 0"):
        as_bgr(Image.fromarray(np.full((3, 4), 70_000, np.int32)))
    with pytest.raises(UserError, match=r"not \[0, 4\]"):
        as_bgr(np.zeros((0, 4), np.uint8))


def test_broken_files_are_told_apart(pictures: Pictures, tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:-20])
    (tmp_path / "none.jpg").write_bytes(b"")
    (tmp_path / "text.bmp").write_bytes(b"hello")
    for name, reason in (("cut.png", "truncated"), ("none.jpg", "empty"), ("text.bmp", "not an image")):
        with pytest.raises(DataError, match=reason):
            pictures.of_file(tmp_path / name)


def test_an_image_that_resizing_leaves_nothing_of_is_told_as_one_that_cannot_be_taken() -> None:
    thin = Pictures([STEPS[0], dict(type="mmcv.Resize", scale=(64, 32), keep_ratio=True), STEPS[2]])
    with pytest.raises(DataError, match="the test pipeline cannot take it"):
        thin.of_array(np.zeros((1, 300, 3), np.uint8))


def test_labels_are_not_read_and_resizing_can_be_left_out() -> None:
    steps = [
        dict(type="KeepInMemory", transforms=STEPS[:1]),
        dict(type="mmcv.Resize", scale=(20, 10)),
        STEPS[2],
    ]
    assert Pictures(steps).of_array(NOISE)["inputs"].shape[1:] == (10, 20)
    whole = Pictures(steps, resize=False).of_array(NOISE)
    assert whole["inputs"].shape[1:] == (9, 7)
    assert whole["data_samples"].metainfo["scale_factor"] == (1.0, 1.0)
    larger = [STEPS[0], dict(type="mmcv.Resize", scale_factor=2.0), STEPS[2]]
    assert Pictures(larger, resize=False).of_array(NOISE)["inputs"].shape[1:] == (18, 14)
    with pytest.raises(ConfigError, match="begins with PackSegInputs"):
        Pictures(STEPS[2:])
