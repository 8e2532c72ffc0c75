"""Data samples and metrics of a ships test, for the tests of what works on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from segloop.experiments.ships_metric import SegLoopShipsMetric

META = {"classes": ["background", "ship"], "palette": [[0, 0, 0], [255, 0, 0]], "background": 0}
TRUTH = np.zeros((6, 8), np.uint8)
TRUTH[1:3, 1:5] = 1


def sample(
    probability: np.ndarray, truth: np.ndarray | None = TRUTH, *, image: str = "/d/a/1.jpg"
) -> SegDataSample:
    """What a model hands on of an image: logits, the mask of the likelier class, the truth."""
    chance = torch.from_numpy(np.asarray(probability, np.float32)).clamp(1e-6, 1 - 1e-6)
    data = SegDataSample(
        metainfo={"img_path": image, "seg_map_path": "/d/m/1.png", "ori_shape": chance.shape}
    )
    data.seg_logits = PixelData(data=torch.stack([(1 - chance).log(), chance.log()]))
    data.pred_sem_seg = PixelData(data=(chance > 0.5).long()[None])
    if truth is not None:
        data.gt_sem_seg = PixelData(data=torch.from_numpy(truth.astype(np.int64))[None])
    return data


def metric(**options: Any) -> SegLoopShipsMetric:
    """A metric that knows its data set."""
    made = SegLoopShipsMetric(**options)
    made.dataset_meta = META
    return made


def chances(*, ship: float = 0.7, speck: float = 0.0) -> np.ndarray:
    """Probabilities: the true ship, and a speck of one pixel elsewhere."""
    found = np.where(TRUTH == 1, ship, 0.01)
    found[5, 7] = speck
    return found
