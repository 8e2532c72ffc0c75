"""Index maps are those of mmseg; batches, views and windows change what they are said to change."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import segloop
from segloop.analysis.thresholds import ComponentRule
from segloop.experiments.config import load_config
from segloop.experiments.predict.find import bare_model
from segloop.experiments.predict.results import SemanticPrediction

Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def model(semantic: Files) -> segloop.experiments.predict.model.Model:
    return segloop.load(*semantic, device="cpu")


def mask_of(prediction: object) -> np.ndarray:
    assert isinstance(prediction, SemanticPrediction)
    return prediction.mask


def test_masks_are_those_of_mmseg(model, semantic: Files, pictures: list[Path]) -> None:
    from mmseg.apis import inference_model, init_model

    config = load_config(semantic[0])
    config.test_pipeline = [
        dict(type="LoadImageFromFile"),
        dict(type="LoadAnnotations"),
        dict(type="PackSegInputs"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = init_model(config, str(semantic[1]), device="cpu")
        theirs = [inference_model(peer, str(file)).pred_sem_seg.data[0].numpy() for file in pictures[:3]]
    ours = [mask_of(each) for each in model.predict(pictures[:3])]
    assert len(np.unique(theirs)) > 2  # or nothing would be shown
    assert [(a != b).mean() for a, b in zip(ours, theirs, strict=True)] == pytest.approx([0, 0, 0], abs=1e-3)


def test_a_batch_gives_what_single_images_give(model, pictures: list[Path]) -> None:
    wide = cv2.imread(str(pictures[1]))[:40]  # of another size
    single = [mask_of(model.predict(each, channels="bgr")) for each in (pictures[0], wide, pictures[2])]
    together = [mask_of(each) for each in model.predict([pictures[0], wide, pictures[2]], channels="bgr")]
    assert [mask.shape for mask in together] == [(64, 64), (40, 64), (64, 64)]
    assert all((a != b).mean() < 1e-3 for a, b in zip(single, together, strict=True))


def test_views_are_mirrored_there_and_back(model, semantic: Files, pictures: list[Path]) -> None:
    averaged = segloop.load(*semantic, device="cpu", tta="hv")
    image = cv2.imread(str(pictures[0]))
    plain = mask_of(averaged.predict(image, channels="bgr"))
    flipped = mask_of(averaged.predict(np.ascontiguousarray(image[::-1, ::-1]), channels="bgr"))
    assert (plain != flipped[::-1, ::-1]).mean() < 1e-3  # all four views are the same four
    assert (plain != mask_of(model.predict(image, channels="bgr"))).any()


def test_views_are_turned_there_and_back(semantic: Files, pictures: list[Path]) -> None:
    averaged = segloop.load(*semantic, device="cpu", tta="hvr")
    image = np.ascontiguousarray(cv2.imread(str(pictures[0]))[:48])  # not square, so that turns show
    plain = mask_of(averaged.predict(image, channels="bgr"))
    turned = mask_of(averaged.predict(np.rot90(image), channels="bgr"))
    assert plain.shape == (48, 64)
    assert (plain != np.rot90(turned, -1)).mean() < 1e-3  # all eight views are the same eight


def test_the_views_of_a_test_are_those_of_a_prediction(semantic: Files, pictures: list[Path]) -> None:
    from mmengine.dataset import pseudo_collate
    from mmengine.registry import MODELS, TRANSFORMS, DefaultScope
    from mmengine.runner import load_checkpoint
    from mmseg.datasets import PackSegInputs

    image = cv2.imread(str(pictures[0]))[:48]
    config = load_config(semantic[0])
    ships = load_config("configs/ships/unet_dropout_ships_demo.py")
    assert set(PackSegInputs().meta_keys) <= set(ships.tta_keys)  # metrics read them
    views = ships.tta_pipeline[1]
    views.transforms = [each for each in views.transforms if each[0]["type"] != "LoadIndexMask"]  # no truth
    with DefaultScope.overwrite_default_scope("mmseg"):
        network = MODELS.build(dict(type="SegLoopTTAModel", module=bare_model(config)))
        sample = TRANSFORMS.build(views)(
            {"img": image, "img_path": "a.png", "img_shape": (48, 64), "ori_shape": (48, 64)}
        )
    load_checkpoint(network.module, str(semantic[1]), map_location="cpu")
    with torch.inference_mode():
        (tested,) = network.eval().test_step(pseudo_collate([sample]))
    predicted = mask_of(segloop.load(*semantic, device="cpu", tta="hvr").predict(image, channels="bgr"))
    assert tuple(tested.ori_shape) == (48, 64)
    assert (tested.pred_sem_seg.data[0].numpy() != predicted).mean() < 1e-3
    assert len(np.unique(predicted)) > 1


class Near(torch.nn.Module):
    """A network that sees two pixels far, in place of a backbone with decode head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 6, 3, padding=1)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(image)


def test_windows_of_a_network_that_sees_less_than_their_rim_give_the_whole_image(
    semantic: Files, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = segloop.load(*semantic, device="cpu", fuse=False)
    windows = segloop.load(*semantic, device="cpu", fuse=False, window_hw=(32, 24), overlap=0.5)
    near = Near().eval()
    for each in (whole, windows):
        monkeypatch.setattr(each.predictor, "_logits", lambda inputs, metas: near(inputs))
    ours, all_at_once = mask_of(windows.predict(pictures[0])), mask_of(whole.predict(pictures[0]))
    assert len(np.unique(ours)) > 2
    assert (ours != all_at_once).mean() < 1e-3
    monkeypatch.setattr(windows.predictor, "_logits", lambda inputs, metas: near(inputs) + inputs.shape[-1])
    assert (mask_of(windows.predict(pictures[0])) != all_at_once).mean() < 1e-3  # a constant changes no class


def test_windows_may_be_padded_for_the_network(
    semantic: Files, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    padding = ["model.data_preprocessor.test_cfg.size_divisor=32"]
    whole = segloop.load(*semantic, device="cpu", fuse=False)
    windows = segloop.load(*semantic, device="cpu", window_hw=(40, 24), overlap=0.5, overrides=padding)
    near, seen = Near().eval(), set()
    for each in (whole, windows):
        monkeypatch.setattr(
            each.predictor, "_logits", lambda inputs, metas: seen.add(inputs.shape[2:]) or near(inputs)
        )
    ours, all_at_once = mask_of(windows.predict(pictures[0])), mask_of(whole.predict(pictures[0]))
    assert seen == {(64, 64), (64, 32)}
    inner = slice(None, -2)  # the network sees two pixels of padding beyond the image
    assert (ours != all_at_once)[inner, inner].mean() < 1e-3


def test_windows_are_enlarged_by_a_factor_as_the_whole_image_is(
    semantic: Files, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = "test_dataloader.dataset.pipeline.1"  # in place of what reads labels
    larger = [f"{step}.type=Resize", f"{step}.scale_factor=2.0"]
    given = dict(device="cpu", fuse=False, overrides=larger)
    whole = segloop.load(*semantic, **given)
    windows = segloop.load(*semantic, **given, window_hw=(32, 24), overlap=0.5)
    near, seen = Near().eval(), set()
    for each in (whole, windows):
        monkeypatch.setattr(
            each.predictor, "_logits", lambda inputs, metas: seen.add(inputs.shape[2:]) or near(inputs)
        )
    ours, all_at_once = mask_of(windows.predict(pictures[0])), mask_of(whole.predict(pictures[0]))
    assert seen == {(128, 128), (64, 48)}
    assert (ours != all_at_once).mean() < 1e-3


def test_components_count_by_probability_and_size(semantic: Files, pictures: list[Path]) -> None:
    strict = segloop.load(*semantic, device="cpu", score_thr=1.0)
    assert not mask_of(strict.predict(pictures[0])).any()
    loose = segloop.load(*semantic, device="cpu", score_thr=0.0)
    found = mask_of(loose.predict(pictures[0]))
    assert found.any()
    loose.predictor.rules = [ComponentRule(0.0, min_area=64 * 64 + 1)] * 6
    assert not mask_of(loose.predict(pictures[0])).any()


def test_thresholds_are_of_the_probabilities_at_the_image_s_own_size(
    semantic: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = segloop.load(*semantic, device="cpu", score_thr=0.5)
    sample = model.pictures.of_array(np.zeros((1, 2, 3), np.uint8))
    sample["data_samples"].set_metainfo({"ori_shape": (2, 4)})  # a test pipeline has made it smaller
    logits = torch.full((1, 6, 1, 2), -99.0)
    logits[0, 0], logits[0, 1] = 0, torch.tensor([[10.0, -50.0]])  # at twice the size 10, -5, -35, -50
    monkeypatch.setattr(model.predictor, "_logits", lambda inputs, metas: logits)
    assert mask_of(model.predictor.predict([sample])[0]).tolist() == [[1, 0, 0, 0]] * 2


def test_a_window_mode_of_the_config_is_kept(semantic: Files, pictures: list[Path]) -> None:
    options = [
        "model.test_cfg.mode=slide",
        "model.test_cfg.crop_size=(32,32)",
        "model.test_cfg.stride=(32,32)",
    ]
    slid = segloop.load(*semantic, device="cpu", overrides=options)
    tile = cv2.imread(str(pictures[0]))[:32, :32]
    corner = mask_of(slid.predict(pictures[0]))[:32, :32]
    alone = mask_of(segloop.load(*semantic, device="cpu").predict(tile, channels="bgr"))
    assert (corner != alone).mean() < 1e-3
