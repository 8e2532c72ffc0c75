"""Dropped images are predicted as the tool predicts them, and can be taken away."""

from __future__ import annotations

import gc
import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import segloop
from segloop.app.outcome import picture_png, predict_uploads, zipped
from segloop.experiments.predict.results import SemanticPrediction
from segloop.utils.errors import UserError
from tests.app.models_made import write_work_dir


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tiny_master: Path):
    return segloop.load(write_work_dir(tmp_path_factory.mktemp("app"), tiny_master), device="cpu")


@pytest.fixture(scope="module")
def pictures(tiny_master: Path) -> list[Path]:
    return sorted((tiny_master / "img_dir/train").glob("*.png"))


def test_what_is_dropped_is_predicted_as_its_file_is(model, pictures: list[Path]) -> None:
    files = [(file.name, file.read_bytes()) for file in pictures[:2]]
    outcome = predict_uploads(model, [*files, ("bad.png", b"no image")])
    assert [image.image_id for image in outcome.images] == [file.stem for file in pictures[:2]]
    assert len(outcome.refused) == 1
    for file in pictures[:2]:
        assert np.array_equal(outcome.prediction(file.stem).mask, model.predict(file).mask)
        shown = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        assert np.array_equal(outcome.picture(file.stem), shown)
    with zipfile.ZipFile(io.BytesIO(outcome.masks())) as archive:
        mask = np.asarray(Image.open(io.BytesIO(archive.read(f"{pictures[0].stem}.png"))))
    assert np.array_equal(mask, model.predict(pictures[0]).mask)
    assert outcome.csv().startswith(b"image,object,class")


def test_of_many_images_the_mask_of_one_is_held(model, pictures: list[Path]) -> None:
    def held() -> int:
        gc.collect()
        return sum(type(each) is SemanticPrediction for each in gc.get_objects())

    outcome = predict_uploads(model, [(file.name, file.read_bytes()) for file in pictures[:4]])
    before = held()
    outcome.csv()
    outcome.masks()
    assert held() == before + 1
    name = pictures[1].stem
    assert outcome.prediction(name) is outcome.prediction(name)


def test_nothing_is_left_on_the_disk(model, pictures: list[Path]) -> None:
    outcome = predict_uploads(model, [("a.png", pictures[0].read_bytes())])
    folder = outcome.folder
    assert folder.is_dir()
    del outcome  # as a session does that ends
    gc.collect()
    assert not folder.exists()


def test_a_drop_without_any_image_is_told(model) -> None:
    with pytest.raises(UserError, match="a: not an image"):
        predict_uploads(model, [("a.png", b"x")])


def test_files_are_the_same_bytes_at_any_time() -> None:
    assert zipped([("a", b"1")]) == zipped([("a", b"1")])
    image = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture_png(image)))), image)
