"""The summary of a model: numbers worked by hand, and a model that does not notice being summarized."""

from __future__ import annotations

import json

import pytest
import torch
from mmengine.model import BaseModel, ImgDataPreprocessor
from torch import nn

from segloop.experiments.model_summary import input_shape, summarize


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList([nn.Conv2d(8, 2, 1), nn.Conv2d(8, 2, 3, padding=1)])
        self.unused = nn.Linear(3, 5)

    def forward(self, features):
        return [branch(features) for branch in self.branches]


class Small(BaseModel):
    def __init__(self, **options):
        super().__init__(**options)
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.Dropout(0.5)
        )
        self.head = Head()
        self.stem[0].weight.requires_grad_(False)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        return self.head.forward(self.stem(inputs).relu())


def test_numbers_worked_by_hand():
    summary = summarize(Small(), input_chw=(3, 10, 20))
    pixels = 10 * 20
    macs = pixels * (3 * 8 * 9 + 8 * 2 * 1 + 8 * 2 * 9)
    assert (summary["macs"], summary["flops"]) == (macs, 2 * macs)
    parameters = 3 * 8 * 9 + 2 * 8 + (8 * 2 + 2) + (8 * 2 * 9 + 2) + 20
    assert summary["parameters"] == parameters
    assert summary["trainable"] == parameters - 3 * 8 * 9
    assert summary["bytes"] == 4 * (parameters + 2 * 8) + 8  # mean, variance, number of batches
    assert summary["flops_by_operator"] == {"convolution": 2 * macs}
    assert {"native_batch_norm", "relu"} <= set(summary["not_counted"])
    assert "view" not in summary["not_counted"]
    assert summary["reason"] is None
    json.dumps(summary)


def test_blocks_have_classes_shapes_and_parameters():
    blocks = {block["name"]: block for block in summarize(Small(), input_chw=(3, 10, 20))["blocks"]}
    assert blocks["stem"]["output"] == [1, 8, 10, 20]
    assert blocks["stem.1"]["class"] == "BatchNorm2d"
    assert blocks["head"]["output"] == [
        [1, 2, 10, 20],
        [1, 2, 10, 20],
    ]  # by `forward`
    assert blocks["head.branches.1"]["parameters"] == 8 * 2 * 9 + 2
    assert blocks["head.unused"]["output"] is None
    assert "data_preprocessor" not in blocks


def test_the_model_does_not_notice():
    model = Small().train()
    model.stem[2].eval()
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    summarize(model, input_chw=(3, 8, 8))
    assert torch.equal(torch.rand(4), expected)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.head.branches[0].weight.requires_grad
    assert all("forward" not in vars(module) and not module._forward_hooks for module in model.modules())


def test_a_model_that_cannot_be_traced_gives_null_and_the_reason():
    class Picky(Small):
        def forward(self, inputs, data_samples=None, mode="tensor"):
            if inputs.sum() > 0:  # looks at values, and there are none
                return inputs
            return data_samples[0]

    summary = summarize(Picky(), input_chw=(3, 8, 8))
    assert summary["flops"] is None
    assert summary["macs"] is None
    assert "could not be traced" in summary["reason"]
    assert summary["parameters"] == summarize(Small(), input_chw=(3, 8, 8))["parameters"]
    assert [block["output"] for block in summary["blocks"]] == [None] * len(summary["blocks"])
    assert "no image tensors" in summarize(Small(), input_chw=None)["reason"]


def test_shared_parameters_count_once():
    model = Small()
    model.again = model.stem
    assert summarize(model, input_chw=(3, 8, 8))["parameters"] == Small_parameters()


def Small_parameters():
    return summarize(Small(), input_chw=(3, 8, 8))["parameters"]


@pytest.mark.parametrize(
    ("batch", "divisor", "expected"),
    [
        ({"inputs": [torch.zeros(3, 5, 9), torch.zeros(3, 7, 8)]}, 1, (3, 7, 9)),
        ({"inputs": [torch.zeros(3, 5, 9)]}, 8, (3, 8, 16)),
        ({"inputs": torch.zeros(2, 1, 4, 6)}, 1, (1, 4, 6)),
        ({"inputs": {"img": []}}, 1, None),
        ([torch.zeros(3, 2, 2)], 1, None),
    ],
)
def test_the_input_is_what_the_model_sees(batch, divisor, expected):
    preprocessor = ImgDataPreprocessor(pad_size_divisor=divisor)
    assert input_shape(batch, Small(data_preprocessor=preprocessor)) == expected


def test_a_fixed_size_of_the_preprocessor_wins():
    model = Small()
    model.data_preprocessor.size = (32, 64)
    assert input_shape({"inputs": [torch.zeros(3, 20, 20)]}, model) == (3, 32, 64)
