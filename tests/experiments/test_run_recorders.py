"""What a RUN records of an image: the confidence of the predicted class, counts, a mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from segloop.data.index_masks import read_index_mask
from segloop.experiments.run_recorders import SemanticRecorder, truth_loss, winning_confidence
from segloop.experiments.run_writer import ImageRow
from segloop.utils.errors import DataError

META = {"classes": ["background", "disc"], "palette": [[0, 0, 0], [255, 0, 0]]}
ROW = ImageRow("a/1", "a/1.png", "", 1, 2, "", "")


@pytest.mark.parametrize("channels", [1, 2, 19])
def test_winning_confidence(channels):
    torch.manual_seed(0)
    logits = torch.randn(channels, 9, 5).half() * 5
    if channels == 1:
        logits = logits.float().sigmoid()
        pred = (logits[0] > 0.3).numpy()
        expected = torch.where(logits[0] > 0.3, logits[0], 1 - logits[0]).numpy()
    else:
        probabilities = logits.float().softmax(dim=0)
        pred, expected = probabilities.argmax(dim=0).numpy(), probabilities.amax(dim=0).numpy()
    assert np.allclose(winning_confidence(logits, pred, piece=20), expected, atol=1e-6)


def test_confidence_of_broken_logits_is_zero():
    logits = torch.full((2, 1, 1), float("nan"))
    assert winning_confidence(logits, np.zeros((1, 1))).tolist() == [[0.0]]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_loss_of_the_true_class_is_cross_entropy(channels):
    torch.manual_seed(0)
    logits = torch.randn(channels, 6, 4) * 3
    truth = torch.randint(0, max(channels, 2), (6, 4))
    valid = np.ones((6, 4), bool)
    valid[0] = False
    if channels == 1:
        logits = logits.sigmoid()
        wanted = torch.nn.functional.binary_cross_entropy(logits[0], truth.float(), reduction="none")
    else:
        wanted = torch.nn.functional.cross_entropy(logits[None], truth[None], reduction="none")[0]
    found = truth_loss(logits, np.where(valid, truth.numpy(), 255), valid, piece=10)
    assert found == pytest.approx(float(wanted[1:].sum()), rel=1e-5)


def test_the_loss_of_a_pixel_is_finite():
    logits = torch.tensor([[[-1e4, float("nan")]], [[1e4, 0.0]]])
    truth = np.zeros((1, 2), np.int64)
    assert truth_loss(logits, truth, np.ones((1, 2), bool)) == 200


def sample(pred, truth, logits=None):
    data = SegDataSample(metainfo={"img_path": "a/1.png"})
    data.pred_sem_seg = PixelData(data=torch.tensor([pred]))
    data.gt_sem_seg = PixelData(data=torch.tensor([truth]))
    if logits is not None:
        data.seg_logits = PixelData(data=torch.tensor(logits))
    return data


def recorder(folder, **options):
    return SemanticRecorder(folder, dataset_meta=META, ignore_index=255, background="auto", **options)


def test_a_record_of_one_image(tmp_path):
    record = recorder(tmp_path).record(sample([[0, 1]], [[0, 255]], [[[0.0, 0.0]], [[0.0, 9.0]]]), ROW)
    assert record["pairs"] == [[0], [0], [1]]
    assert record["confidence"]["pixels"] == 1  # what is ignored is not counted
    assert (tmp_path / "predictions/a/1.png").is_file()
    assert read_index_mask(tmp_path / "confidence/a/1.png").tolist() == [[50, 100]]  # percent
    assert record["confidence"]["loss_sum"] == pytest.approx(np.log(2))


@pytest.mark.parametrize(("merged", "reason"), [(True, "augmentation"), (False, "no logits")])
def test_without_logits_there_is_no_confidence_and_a_reason(tmp_path, merged, reason):
    recording = recorder(tmp_path, merged=merged)
    logits = [[[0.0, 0.0]], [[0.0, 9.0]]] if merged else None
    assert "confidence" not in recording.record(sample([[0, 1]], [[0, 1]], logits), ROW)
    assert reason in recording.describe()["no_confidence"]
    recording.save_part()
    assert list(tmp_path.glob("part-*")) == []


def test_a_truth_outside_the_classes_names_the_image(tmp_path):
    with pytest.raises(DataError, match="a/1: the truth holds") as caught:
        recorder(tmp_path).record(sample([[0, 1]], [[0, 7]]), ROW)
    assert caught.value.image_id == "a/1"
