"""Starts a segmentation head where the training set's class frequencies are."""

from __future__ import annotations

import math

import torch
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import nn


@WEIGHT_INITIALIZERS.register_module()
class ClassPrior:
    """Initialise a classifier so that its first prediction is the share of each class in the pixels.

    Otherwise the first hundred iterations teach the features one thing, that nearly everything is
    background: a thin network's channels all become background detectors, and it never recovers.

    Use: `init_cfg=dict(type='ClassPrior', background_share=0.9, layer='conv_seg')` in a decode head.

    Args:
        background_share: fraction of the pixels that class `background` has; the rest is divided evenly.
        background: index of that class.
        layer: name of the classifying layer in the head.
    """

    def __init__(self, background_share: float, background: int = 0, layer: str = "conv_seg") -> None:
        if not 0 < background_share < 1:
            raise ValueError(f"background_share is a fraction between 0 and 1, not {background_share}")
        self.background_share = background_share
        self.background = background
        self.layer = layer

    def __call__(self, module: nn.Module) -> None:
        classifier = module.get_submodule(self.layer)
        assert isinstance(classifier, nn.Conv2d)
        assert classifier.bias is not None
        classes = classifier.out_channels
        if classes < 2:
            raise ValueError(
                "ClassPrior is for heads with one output per class, and this one has a single output"
            )
        other = (1 - self.background_share) / (classes - 1)
        with torch.no_grad():
            # Unit scale per output: classes differ from the first step, whatever the features' number.
            classifier.weight.normal_(std=1 / math.sqrt(classifier.weight[0].numel()))
            classifier.bias.fill_(math.log(other))
            classifier.bias[self.background] = math.log(self.background_share)
