"""IoU of boxes in blocks: mmdet's values to the bit, and never more than a block beside the result."""

from __future__ import annotations

import pytest
import torch
from mmdet.models.task_modules.assigners import BboxOverlaps2D
from mmdet.structures.bbox import HorizontalBoxes

from segloop.experiments.models import box_overlaps
from segloop.experiments.models.box_overlaps import BlockwiseOverlaps


def boxes(count: int, seed: int) -> torch.Tensor:
    corner, sides = torch.rand((2, count, 2), generator=torch.Generator().manual_seed(seed)) * 50
    return torch.cat([corner, corner + sides], dim=1)


@pytest.mark.parametrize("mode", ["iou", "iof", "giou"])
def test_overlaps_in_blocks_are_mmdets(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    whole = box_overlaps.bbox_overlaps

    def watched(first: torch.Tensor, second: torch.Tensor, *rest: object) -> torch.Tensor:
        sizes.append(len(first) * len(second))
        return whole(first, second, *rest)

    monkeypatch.setattr(box_overlaps, "BLOCK", 100)
    monkeypatch.setattr(box_overlaps, "bbox_overlaps", watched)
    first, second = boxes(23, 0), boxes(40, 1)
    found = BlockwiseOverlaps()(HorizontalBoxes(first), second, mode)
    assert torch.equal(found, BboxOverlaps2D()(first, second, mode))
    assert max(sizes) <= 100
    assert sum(sizes) == 23 * 40


def test_aligned_empty_and_scored_boxes_are_as_mmdets() -> None:
    first, second = boxes(5, 0), boxes(5, 1)
    ours, theirs = BlockwiseOverlaps(), BboxOverlaps2D()
    assert torch.equal(ours(first, second, is_aligned=True), theirs(first, second, is_aligned=True))
    assert ours(first[:0], second).shape == (0, 5)
    scored = torch.cat([first, torch.ones(5, 1)], dim=1)
    assert torch.equal(ours(scored, second), theirs(first, second))


def test_the_configs_assign_objects_in_blocks() -> None:
    from mmengine.config import Config

    train = Config.fromfile("configs/_base_/models/mask_rcnn_r50_fpn.py").model.train_cfg
    assert {train[part].assigner.iou_calculator.type for part in ("rpn", "rcnn")} == {"BlockwiseOverlaps"}
