"""A model takes images in any form and order, and gives lists for lists."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import segloop
from segloop.experiments.predict.model import Settings
from segloop.utils.errors import DataError, UserError

Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def model(semantic: Files) -> segloop.experiments.predict.model.Model:
    return segloop.load(*semantic, device="cpu", batch_size=2)


def test_a_path_an_array_and_a_pillow_image_are_one(model, pictures: list[Path]) -> None:
    array = cv2.imread(str(pictures[0]))
    with Image.open(pictures[0]) as image:
        forms = [model.predict(str(pictures[0])), model.predict(pictures[0]), model.predict(image)]
    forms += [model.predict(array, channels="bgr"), model.predict(array[..., ::-1], channels="rgb")]
    assert all((each.mask == forms[0].mask).all() for each in forms)
    assert (forms[0].image == array[..., ::-1]).all()
    assert forms[0].overlay().shape == (64, 64, 3)


def test_a_list_keeps_its_order_whatever_the_sizes(model, pictures: list[Path], monkeypatch) -> None:
    small = np.full((16, 24, 3), 99, np.uint8)
    batches: list[int] = []
    step = model.predictor.predict
    monkeypatch.setattr(
        model.predictor, "predict", lambda samples: batches.append(len(samples)) or step(samples)
    )
    found = model.predict([pictures[0], small, pictures[1], small, pictures[2]], channels="rgb")
    assert [each.size_hw for each in found] == [(64, 64), (16, 24), (64, 64), (16, 24), (64, 64)]
    assert sorted(batches) == [1, 2, 2]
    assert model.predict([]) == []


def test_what_cannot_be_read_is_named(model, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(DataError, match=r"a\.png: not an image"):
        model.predict(tmp_path / "a.png")
    with pytest.raises(DataError, match="There is no image"):
        model.predict("none.png")


def test_batches_are_as_large_as_their_pixels_allow(model, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model.batch_size((9, 9)) == 2
    monkeypatch.setattr(model, "settings", Settings())
    assert [model.batch_size(size) for size in ((8, 8), (512, 512), (4000, 4000))] == [32, 1, 1]
    monkeypatch.setattr(model, "settings", Settings(window_hw=(64, 64)))
    assert model.input_size((65, 20)) is None  # cut into windows, alone
    assert model.input_size((64, 20)) == (64, 20)


@pytest.mark.parametrize("window_hw", [None, (64, 64)])
def test_a_share_of_windows_that_cannot_be_is_refused(window_hw):
    with pytest.raises(UserError, match=r"--overlap 2: windows overlap by 0 to 0\.5"):
        Settings(overlap=2, window_hw=window_hw)
