"""Detectors with proposals: FLOPs of their heads worked by hand, for as many regions as the test allows."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch.utils.flop_counter import FlopCounterMode

from segloop.experiments import components  # noqa: F401 (registers the guide)
from segloop.experiments.model_summary import summarize

FILE = Path(__file__).parents[2] / "configs/_base_/models/mask_rcnn_r18_fpn_gn.py"
CHANNELS, HIDDEN, CLASSES = 16, 32, 3


@pytest.fixture(scope="module")
def config() -> dict:
    """Return a Mask R-CNN of few channels."""
    model = Config.fromfile(str(FILE)).model.to_dict()
    norm = dict(type="GN", num_groups=2)
    model["backbone"].update(base_channels=4, stem_channels=4, norm_cfg=norm, init_cfg=None)
    model["neck"].update(in_channels=[4, 8, 16, 32], out_channels=CHANNELS, norm_cfg=norm)
    model["rpn_head"].update(in_channels=CHANNELS, feat_channels=CHANNELS)
    model["guide"].update(in_channels=CHANNELS, norm_cfg=norm)
    head = model["roi_head"]
    for part in ("bbox_roi_extractor", "mask_roi_extractor"):
        head[part]["out_channels"] = CHANNELS
    head["bbox_head"].update(in_channels=CHANNELS, fc_out_channels=HIDDEN, num_classes=CLASSES)
    head["mask_head"].update(in_channels=CHANNELS, conv_out_channels=CHANNELS, norm_cfg=norm)
    head["mask_head"]["num_classes"] = CLASSES
    return model


def built(config: dict, *, regions: int = 150, objects: int = 100) -> torch.nn.Module:
    own = copy.deepcopy(config)
    own["test_cfg"]["rpn"]["max_per_img"] = regions
    own["test_cfg"]["rcnn"]["max_per_img"] = objects
    with DefaultScope.overwrite_default_scope("mmdet"):
        return MODELS.build(Config(dict(model=own)).model)


def test_the_box_head_costs_its_layers_for_each_region(config: dict) -> None:
    few, many = (summarize(built(config, regions=n), input_chw=(3, 64, 96)) for n in (10, 20))
    layers = CHANNELS * 7 * 7 * HIDDEN + HIDDEN * HIDDEN + HIDDEN * (CLASSES + 1) + HIDDEN * 4
    assert many["macs"] - few["macs"] == 10 * layers
    assert many["assumed"][0].startswith("20 regions in the box head")
    assert many["reason"] is None


def test_the_mask_head_costs_its_layers_for_each_object(config: dict) -> None:
    few, many = (summarize(built(config, objects=n), input_chw=(3, 64, 96)) for n in (5, 7))
    convs = 2 * 14 * 14 * 9 * CHANNELS**2
    upsampled = 14 * 14 * CHANNELS * CHANNELS * 2 * 2  # each pixel goes into 2x2 of twice the size
    assert many["macs"] - few["macs"] == 2 * (convs + upsampled + 28 * 28 * CHANNELS)


def test_what_is_not_counted_is_named_and_the_guide_is_not_asked(config: dict) -> None:
    summary = summarize(built(config), input_chw=(3, 64, 96))
    assert summary["not_counted"]["nms"] == 2
    assert summary["not_counted"]["roi_align"] == 8, "four levels, boxes and masks"
    assert "pasting of masks" in summary["not_counted"]
    outputs = {block["name"]: block["output"] for block in summary["blocks"]}
    assert outputs["roi_head.mask_head"] == [100, 1, 28, 28]
    assert outputs["roi_head.bbox_head"] == [[150, CLASSES + 1], [150, 4]]
    assert outputs["rpn_head"][0][0][-2:] == [16, 24]
    assert outputs["guide.classify"] is None


def test_the_rest_is_what_a_real_pass_counts(config: dict) -> None:
    model = built(config).eval()
    summary = summarize(built(config, regions=0, objects=0), input_chw=(3, 64, 96))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.rpn_head(model.extract_feat(torch.zeros(1, 3, 64, 96)))
    assert summary["flops"] == counter.get_total_flops()


def test_a_head_that_works_otherwise_is_not_guessed_at(config: dict) -> None:
    model = built(config)

    class Other(type(model.roi_head)):
        def _mask_forward(self, *args, **kwargs):
            raise NotImplementedError

    model.roi_head.__class__ = Other
    summary = summarize(model, input_chw=(3, 64, 96))
    assert summary["flops"] is None
    assert "could not be traced" in summary["reason"]
