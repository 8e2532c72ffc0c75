"""Each piece of advice is a config that loads, builds and trains a step, alone and all together."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path

import pytest

from segloop.data.annotations import Label, LabelSet
from segloop.data.statistics import Tally, gather
from segloop.data.statistics.advice import (
    Advice,
    advise,
    advise_instances,
    config_text,
    joined,
    weights_file,
    weights_of,
)
from segloop.experiments.class_weights import settle_class_weights
from segloop.experiments.config import load_config
from segloop.experiments.strict import check_config
from segloop.utils.quiet import quiet
from tests.data.statistics.sets import OBJECTS, SEMANTIC, object_set, semantic_set
from tests.experiments.cells import write_cells

REPOSITORY = Path(__file__).resolve().parents[3]
UNET = REPOSITORY / "configs/config_experiment_2.py"


@pytest.fixture
def semantic(tmp_path: Path) -> tuple[Tally, list[Advice]]:
    """What follows from a small semantic set, and the weights' files that it names."""
    tally = gather(semantic_set(tmp_path, 6), workers=0).whole
    for scheme, weights in weights_of(tally, kind="semantic").items():
        (tmp_path / weights_file(scheme)).write_text(json.dumps(weights))
    return tally, advise(tally, SEMANTIC, folder=tmp_path, kind="semantic")


def built(path: Path, overrides: list[str] | None = None):
    """Load a config as training does, and build its model."""
    from mmengine.registry import MODELS, init_default_scope

    quiet()  # as every tool is; pytest undoes it after the test
    config = load_config(path, overrides=overrides or [])
    check_config(config, path=path, overrides=overrides or [])
    settle_class_weights(config)
    init_default_scope(config.default_scope)
    return config, MODELS.build(config.model)


def loss_of(model) -> float:
    """Return the loss of one small batch."""
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(0, 3, (1, 32, 32))))
    sample.gt_sem_seg.data[0, 0] = 255
    sample.set_metainfo(dict(img_shape=(32, 32), ori_shape=(32, 32)))
    losses = model(torch.randn(2, 3, 32, 32), [sample, sample], mode="loss")
    return sum(value.item() for name, value in losses.items() if "loss" in name)


def test_all_of_it_in_one_config_trains(semantic: tuple[Tally, list[Advice]], tmp_path: Path) -> None:
    tally, advice = semantic
    leaf = tmp_path / "leaf.py"
    leaf.write_text(f"_base_ = [{str(UNET)!r}]\n{joined(advice)}\nmodel['decode_head']['num_classes'] = 3\n")
    config, model = built(leaf)
    assert config.model.data_preprocessor.mean == pytest.approx(tally.mean_rgb.tolist(), abs=0.01)
    assert config.model.decode_head.init_cfg.background_share == pytest.approx(
        tally.pixels[0] / tally.scored, abs=1e-3
    )
    weighed = model.decode_head.loss_decode[0].class_weight
    assert weighed == weights_of(tally, kind="semantic")["median_frequency"]
    assert loss_of(model) > 0


def test_each_piece_loads_alone_and_each_option_fits(
    semantic: tuple[Tally, list[Advice]], tmp_path: Path
) -> None:
    _, advice = semantic
    assert {each.key for each in advice} == {
        "normalisation",
        "prior",
        "weights.inverse",
        "weights.median_frequency",
        "weights.effective_number",
        "window",
    }
    for each in advice:
        leaf = tmp_path / "leaf.py"
        leaf.write_text(f"_base_ = [{str(UNET)!r}]\n{each.config}\n")
        check_config(load_config(leaf), path=leaf)
        if each.options:
            options = shlex.split(each.options)
            changed = load_config(UNET, overrides=options)
            check_config(changed, path=UNET, overrides=options)
            assert changed.to_dict() != load_config(UNET).to_dict()


def test_the_step_is_one_that_a_pipeline_takes(tmp_path: Path) -> None:
    from mmengine.registry import TRANSFORMS, init_default_scope

    load_config(UNET)  # registers what is ours
    init_default_scope("mmseg")
    tally = Tally(2)
    tally.image_sizes[(600, 800)] = 5
    tally.boxes[40, 40] = 9
    for kind, scope in (("semantic", "mmseg"), ("instances", "mmdet")):
        init_default_scope(scope)
        found = {each.key: each for each in advise(tally, OBJECTS, folder=tmp_path, kind=kind)}
        step = eval(found["window"].step, {"dict": dict})
        assert TRANSFORMS.build(step) is not None
    init_default_scope("mmseg")


def test_advice_for_objects_builds_a_mask_rcnn(tmp_path: Path) -> None:
    tally = gather(object_set(), workers=0).whole
    tally.per_image[-1][180] = 1
    advice = advise(tally, OBJECTS, folder=tmp_path, kind="instances")
    assert [each.key for each in advice] == ["anchors", "most_objects", "window", "weights.median_frequency"]
    cells = write_cells(tmp_path)
    leaf = tmp_path / "leaf.py"
    leaf.write_text(f"_base_ = [{str(cells)!r}]\n{joined(advice)}\n")
    _, model = built(leaf)
    assert model.test_cfg.rcnn.max_per_img == 300
    weights = model.roi_head.bbox_head.loss_cls.class_weight
    assert len(weights) == 3
    assert weights[-1] == 1.0
    settings = dict(advice[0].settings)["model"]["rpn_head"]["anchor_generator"]
    assert model.rpn_head.prior_generator.scales.tolist() == pytest.approx(settings["scales"])


def test_no_crop_where_objects_are_as_large_as_images(tmp_path: Path) -> None:
    tally = Tally(2)
    tally.image_sizes[(64, 64)] = 5
    tally.boxes[40, 40] = 9  # 32 pixels
    window = {each.key: each for each in advise(tally, OBJECTS, folder=tmp_path, kind="instances")}["window"]
    assert window.title == "No crop"
    assert window.config == window.step == ""


def test_a_few_small_images_among_very_many_large_ones_do_not_decide(tmp_path: Path) -> None:
    tally = Tally(2)
    tally.image_sizes.update({(1000, 1000): 30_000, (100, 100): 100})
    tally.boxes[61, 61] = 9  # 197 pixels
    window = {each.key: each for each in advise(tally, OBJECTS, folder=tmp_path, kind="semantic")}["window"]
    assert window.title == "Crop of 320x320"


def test_a_set_of_nothing_gives_no_advice(tmp_path: Path) -> None:
    for kind in ("semantic", "instances"):
        keys = {each.key for each in advise(Tally(2), OBJECTS, folder=tmp_path, kind=kind)}
        assert {key for key in keys if not key.startswith("weights")} == set()
    assert advise_instances(Tally(2)) is None


def test_a_background_that_is_not_first_is_named(tmp_path: Path) -> None:
    tally = Tally(2)
    tally.pixels[:] = tally.pixels_beside[:] = [10, 90, 0]
    labels = LabelSet((Label("thing"), Label("rest")), background=1)
    prior = {each.key: each for each in advise(tally, labels, folder=tmp_path, kind="semantic")}["prior"]
    assert prior.settings["model"]["decode_head"]["init_cfg"] == dict(
        type="ClassPrior", background_share=0.9, background=1
    )


def test_text_of_settings_is_python_and_fits_a_line() -> None:
    settings = {
        "model": {"a": {"b": [1, 2], "name": "x" * 70}, "losses": [{"type": "A", "w": 0.5}, {"c": None}]}
    }
    text = config_text(settings)
    assert max(map(len, text.splitlines())) <= 100
    names: dict = {}
    exec(text, names)
    assert names["model"] == settings["model"]
    ast.parse(text)
