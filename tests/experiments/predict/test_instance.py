"""Objects are those of mmdet, as run lengths; views and windows find the same ones."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest

import segloop
from segloop.data.masks import decode
from segloop.experiments.config import load_config
from segloop.experiments.predict.results import InstancePrediction
from segloop.utils.errors import UserError

Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def model(instance: Files) -> segloop.experiments.predict.model.Model:
    return segloop.load(*instance, device="cpu")


def found_in(model, image: object) -> InstancePrediction:
    prediction = model.predict(image)
    assert isinstance(prediction, InstancePrediction)
    return prediction


@pytest.mark.parametrize("by_parts", [True, False])
def test_objects_are_those_of_mmdet(
    model, instance: Files, pictures: list[Path], monkeypatch: pytest.MonkeyPatch, by_parts: bool
) -> None:
    from mmdet.apis import inference_detector, init_detector

    assert model.predictor.plain
    monkeypatch.setattr(model.predictor, "plain", by_parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = init_detector(load_config(instance[0]), str(instance[1]), device="cpu")
        theirs = inference_detector(peer, str(pictures[0])).pred_instances
    masks = theirs.masks.numpy()
    seen = masks.any(axis=(1, 2))
    assert seen.sum() > 3  # or nothing would be shown
    ours = found_in(model, pictures[0])
    assert ours.scores == pytest.approx(theirs.scores.numpy()[seen], abs=1e-3)
    assert ours.labels.tolist() == theirs.labels.numpy()[seen].tolist()
    drawn = np.stack([decode(runs, ours.size_hw) for runs in ours.runs])
    assert (drawn != masks[seen]).mean() < 5e-3  # a network that was never trained is torn by rounding


def test_a_batch_gives_what_single_images_give(model, pictures: list[Path]) -> None:
    for one, other in zip(
        model.predict(pictures[:3]), [found_in(model, file) for file in pictures[:3]], strict=True
    ):
        assert one.scores == pytest.approx(other.scores, abs=1e-4)
        assert one.labels.tolist() == other.labels.tolist()


def test_a_score_and_a_size_say_what_counts(instance: Files, pictures: list[Path], model) -> None:
    every = found_in(model, pictures[0])
    limit = float(np.median(every.scores))
    fewer = found_in(segloop.load(*instance, device="cpu", score_thr=limit), pictures[0])
    assert fewer.scores.tolist() == pytest.approx([s for s in every.scores if s >= limit])


def test_mirrored_views_of_a_mirrored_image_are_the_same(instance: Files, pictures: list[Path]) -> None:
    averaged = segloop.load(*instance, device="cpu", tta="h")
    image = cv2.imread(str(pictures[0]))
    plain = averaged.predict(image, channels="bgr")
    mirrored = averaged.predict(np.ascontiguousarray(image[:, ::-1]), channels="bgr")
    assert plain.scores == pytest.approx(mirrored.scores, abs=1e-3)
    assert (plain.numbers() != mirrored.numbers()[:, ::-1]).mean() < 0.02
    with pytest.raises(UserError, match="only index maps are averaged over turned views"):
        segloop.load(*instance, device="cpu", tta="hvr")
    averaged.predictor.plain = False
    with pytest.raises(UserError, match="--tta"):
        type(averaged.predictor)(
            averaged.predictor.model.backbone, averaged.classes, tta="h", autocast=averaged.predictor.autocast
        )


STEP = "test_dataloader.dataset.pipeline.1"  # resizes


@pytest.mark.parametrize("overrides", [[], [f"{STEP}.scale=None", f"{STEP}.scale_factor=1.5"]])
def test_windows_place_their_objects_in_the_image(
    instance: Files, pictures: list[Path], overrides: list[str]
) -> None:
    alone = segloop.load(*instance, device="cpu", window_hw=(64, 64), overlap=0.25, overrides=overrides)
    size_hw = tuple(alone.pictures.of_file(pictures[0])["inputs"].shape[1:])
    assert size_hw == ((96, 96) if overrides else (64, 64))
    image = cv2.imread(str(pictures[0]))
    seen = alone.predict(image, channels="bgr")
    far = np.zeros((64, 160, 3), np.uint8)
    far[:, 96:] = image  # the last of three windows sees it all
    found = alone.predict(far, channels="bgr")
    assert found.size_hw == (64, 160)
    boxes = [decode(runs, found.size_hw) for runs in found.runs]
    for runs in seen.runs[:3]:
        mask = np.zeros((64, 160), bool)
        mask[:, 96:] = decode(runs, (64, 64))
        assert max((mask & box).sum() / mask.sum() for box in boxes) == 1
