"""Data samples of instance models as mmengine's evaluator passes them, drawn in letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from segloop.data.masks import encode, to_strings

META = {"classes": ("panel", "body"), "palette": [(255, 0, 0), (0, 255, 0)]}


def drawing(text: str) -> np.ndarray:
    """Return an HxW array of letters from lines of them."""
    return np.array([list(line) for line in text.split()])


def listed(text: str, letters: str, *, labels: Sequence[int] = (), crowd: str = "") -> list[dict[str, Any]]:
    """Return true objects as mmdet's data sets list them."""
    drawn = drawing(text)
    return [
        {
            "bbox": [0.0, 0.0, float(drawn.shape[1]), float(drawn.shape[0])],
            "bbox_label": labels[place] if labels else 0,
            "ignore_flag": int(letter in crowd),
            "mask": {"size": list(drawn.shape), "counts": to_strings([encode(drawn == letter)])[0]},
        }
        for place, letter in enumerate(letters)
    ]


def found(text: str, letters: str, *, labels: Sequence[int] = (), scores: Sequence[float] = ()) -> dict:
    """Return found objects as a model's `pred_instances` are passed on."""
    drawn = drawing(text)
    masks = np.array([drawn == letter for letter in letters]).reshape(-1, *drawn.shape)
    return {
        "masks": torch.from_numpy(masks),
        "labels": torch.tensor(list(labels) or [0] * len(letters), dtype=torch.int64),
        "scores": torch.tensor(list(scores) or [0.9] * len(letters), dtype=torch.float32),
        "bboxes": torch.zeros((len(letters), 4)),
    }


def sample(
    pred: dict, truth: Any = None, *, image: str = "d/1.png", size_hw: Any = None, **more: Any
) -> dict:
    """Return a data sample of an image; `truth` is a list of objects."""
    size = size_hw or tuple(pred["masks"].shape[1:])
    content = {"img_path": image, "img_id": 1, "ori_shape": size, "pred_instances": pred, **more}
    return content if truth is None else content | {"instances": truth}
