"""Pictures are drawn below a folder, by the ids of the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segloop.data.annotations import ImageRecord, Label, LabelSet
from segloop.experiments.predict.kept import Kept, LoadKept
from segloop.experiments.predict.overlays import draw_overlays
from segloop.experiments.predict.results import SemanticPrediction
from segloop.experiments.predict.run import Predicted
from segloop.utils.errors import UserError

CLASSES = LabelSet((Label("ground"), Label("ship")), background=0)


def test_a_picture_that_is_too_long_for_a_jpeg_is_a_png(tmp_path: Path) -> None:
    size_hw = (1, 65_501)
    Image.fromarray(np.full((*size_hw, 3), 90, np.uint8)).save(tmp_path / "scan.png")
    kept = Kept.open(tmp_path / "kept", {}, resume=False)
    kept.add({"scan": SemanticPrediction(mask=np.zeros(size_hw, np.uint8), classes=CLASSES)}, {"scan": "1-1"})
    kept.close()
    images = [ImageRecord(image_id="scan", name="scan.png", file=tmp_path / "scan.png")]
    draw_overlays(Predicted(images, LoadKept(kept.path, CLASSES), kept.places), tmp_path / "seen")
    with Image.open(tmp_path / "seen/scan.png") as drawn:
        assert drawn.size == size_hw[::-1]


def test_a_tiff_that_lies_on_its_side_is_drawn_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.full((12, 15, 3), 90, np.uint8)).save(tmp_path / "scan.tif", exif=exif)
    kept = Kept.open(tmp_path / "kept", {}, resume=False)
    kept.add(
        {"scan": SemanticPrediction(mask=np.zeros((15, 12), np.uint8), classes=CLASSES)}, {"scan": "1-1"}
    )
    kept.close()
    images = [ImageRecord(image_id="scan", name="scan.tif", file=tmp_path / "scan.tif")]
    draw_overlays(Predicted(images, LoadKept(kept.path, CLASSES), kept.places), tmp_path / "seen")
    with Image.open(tmp_path / "seen/scan.jpg") as drawn:
        assert drawn.size == (12, 15)


def test_folders_of_the_ids_stay_apart(tmp_path: Path) -> None:
    kept = Kept.open(tmp_path / "kept", {}, resume=False)
    images = []
    for name in ("a/1", "b/1"):
        file = tmp_path / f"{name}.png"
        file.parent.mkdir()
        Image.fromarray(np.full((12, 15, 3), 90, np.uint8)).save(file)
        images.append(ImageRecord(image_id=name, name=f"{name}.png", file=file))
        mask = np.zeros((12, 15), np.uint8)
        kept.add({name: SemanticPrediction(mask=mask, classes=CLASSES)}, {name: "1-1"})
    kept.close()
    counted: list[tuple[int, int]] = []
    draw_overlays(
        Predicted(images, LoadKept(kept.path, CLASSES), kept.places),
        tmp_path / "seen",
        progress=lambda *each: counted.append(each),
    )
    assert sorted(tmp_path.glob("seen/*/*.jpg")) == [tmp_path / "seen/a/1.jpg", tmp_path / "seen/b/1.jpg"]
    assert counted[-1] == (2, 2)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        draw_overlays(Predicted(images, LoadKept(kept.path, CLASSES), kept.places), tmp_path / "file")
