"""No tensor of the CPU meets one of a GPU: operators, losses, a training, a test, predictions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import segloop
from segloop.experiments.launch import Options, evaluate, train
from segloop.ops.functions import FUNCTIONS
from tests.elsewhere import CUDA, Mixed, elsewhere
from tests.experiments.objects import write_experiment, write_objects
from tests.ops.cases import CPU_CASES, GPU_CASES, Case

CASES = [*CPU_CASES, *GPU_CASES]
OURS = SimpleNamespace(**FUNCTIONS)


def test_what_is_mixed_is_noticed() -> None:
    with elsewhere():
        there, here = torch.ones(3, device="cuda"), torch.ones(3)
        assert (there.device, (there * 2).device, here.device) == (CUDA, CUDA, torch.device("cpu"))
        assert there.cpu().numpy().tolist() == [1, 1, 1]
        assert (there + torch.tensor(1.0)).device == there[torch.tensor([0])].device == CUDA
        for mistake in (lambda: there + here, lambda: here[there > 0], there.numpy):
            with pytest.raises(Mixed):
                mistake()


def test_nothing_of_it_is_left() -> None:
    apply = vars(torch.autograd.Function)["apply"]
    with elsewhere():
        assert vars(torch.autograd.Function)["apply"] is not apply
    assert vars(torch.autograd.Function)["apply"] is apply
    assert torch.ones(1).device.type == "cpu"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_operators_stay_where_their_inputs_are(case: Case) -> None:
    with elsewhere():
        tensors = {name: values.to("cuda") for name, values in case.tensors.items()}
        results = case.call(OURS, **tensors)
        lists = case.name == "nms_match"  # its results are, and the case makes tensors of them
        assert lists or {value.device for value in results.values()} == {CUDA}


@pytest.fixture(autouse=True)
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the card that is not there a name."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "a card")


LOSSES = ("BatchDiceLoss", "FocalTverskyLoss", "LovaszSoftmaxLoss", "BoundaryDistanceLoss")


def test_a_semantic_experiment_stays_on_the_gpu(tiny_config: Path) -> None:
    losses = ", ".join(f"dict(type={name!r})" for name in ("CrossEntropyLoss", *LOSSES))
    tiny_config.write_text(f"{tiny_config.read_text()}\nmodel['decode_head']['loss_decode'] = [{losses}]\n")
    image = np.random.default_rng(0).integers(0, 255, (70, 90, 3), np.uint8)
    with elsewhere() as mode:
        train(Options(config=str(tiny_config)))
        scores, _ = evaluate(Options(config=str(tiny_config)), tta=True)
        model = segloop.load(tiny_config, precision="float32", window_hw=(64, 64), tta="h")
        found = model.predict(image, channels="rgb")
    assert mode.calls > 1000
    assert "mDice" in scores
    assert found.size_hw == (70, 90)


def test_an_instance_experiment_stays_on_the_gpu(tmp_path: Path) -> None:
    losses = ", ".join(f"dict(type={name!r})" for name in LOSSES)
    first = "dict(type='CrossEntropyLoss', use_mask=True)"
    config = write_experiment(
        tmp_path,
        write_objects(tmp_path / "objects"),
        "head = model['roi_head']['mask_head']",
        f"head['loss_mask'] = dict(_delete_=True, type='InstanceMaskLoss', losses=[{first}, {losses}])",
        "model['test_cfg']['rcnn']['score_thr'] = 0.0",
    )
    image = np.random.default_rng(0).integers(0, 255, (80, 70, 3), np.uint8)
    with elsewhere() as mode:
        train(Options(config=str(config)))
        scores, _ = evaluate(Options(config=str(config)), split="val")
        found = segloop.load(config, precision="float32", score_thr=0.0).predict(image, channels="rgb")
    assert mode.calls > 5000
    assert "coco/segm_mAP" in scores
    assert len(found.scores)
