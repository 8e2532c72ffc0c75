"""Draws what an instance model found beside what is true, one picture per image of a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from segloop.analysis.instances import Instances
from segloop.data.masks import boxes_xyxy, decode
from segloop.experiments.instance_metrics import SegLoopInstanceMetric
from segloop.experiments.run_images import ImageNames
from segloop.utils.errors import DataError
from segloop.viz.batches import draw_instances, enlarged
from segloop.viz.closeup import SPREAD


@HOOKS.register_module()
class InstancePicturesHook(Hook):
    """Write `<image_id>.png`: the image, its true objects, and those found that pass the thresholds.

    mmdet's visualizer needs masks as bitmaps of the whole image, and writes pictures by number.

    Args:
        folder: where the pictures go, relative to the folder of the run's logs; None writes none.
        show: show each in a window as well.
        wait_time: for how many seconds.
    """

    priority = "LOW"

    def __init__(self, folder: str | None = None, *, show: bool = False, wait_time: float = 0.0) -> None:
        self.folder = folder
        self.show = show
        self.wait_time = wait_time

    def before_test(self, runner: Any) -> None:
        """Learn how images are named, and what counts as found."""
        dataset = runner.test_dataloader.dataset
        self.names = ImageNames(dataset)
        ours = [m for m in runner.test_evaluator.metrics if isinstance(m, SegLoopInstanceMetric)]
        self.metric = ours[0] if ours else SegLoopInstanceMetric()
        self.metric.dataset_meta = dict(dataset.metainfo)

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Sequence[Any] | None = None
    ) -> None:
        """Draw each image of a batch."""
        for sample in outputs or ():
            if "masks" not in getattr(sample, "pred_instances", ()):
                continue
            content = sample.to_dict()
            image_id = self.names.image_id(Path(content["img_path"]))
            picture = self.draw(content)
            if self.folder is not None:
                file = Path(runner.log_dir) / self.folder / f"{image_id}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes())
            if self.show:
                runner.visualizer.show(picture, win_name=image_id, wait_time=self.wait_time)

    def draw(self, content: dict[str, Any]) -> np.ndarray:
        """Return the RGB picture of a data sample: image, truth if there is one, and what was found."""
        image = cv2.imdecode(np.fromfile(content["img_path"], np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise DataError(f"{content['img_path']} cannot be read.")
        image = image[:, :, ::-1].copy()
        judged = self.metric.recent.get(str(content["img_path"])) or self.metric.judge(content, blind=True)
        kept = self.metric.kept(judged.found)
        truth = self.metric.truth(content)
        parts = [image] if truth is None else [self._drawn(image, truth, np.ones(len(truth), bool))]
        parts.append(self._drawn(image, judged.found, kept)[:, image.shape[1] :])
        return enlarged(np.concatenate(parts, axis=1))

    def _drawn(self, image: np.ndarray, objects: Instances, shown: np.ndarray) -> np.ndarray:
        """Return the image beside itself with objects; crowds are striped."""
        names = self.metric.class_names
        palette = (self.metric.dataset_meta or {}).get("palette") or [
            SPREAD[place % len(SPREAD)] for place in range(len(names))
        ]
        crowd = np.zeros(len(objects), bool) if objects.crowd is None else objects.crowd
        places = np.flatnonzero(shown & ~crowd)
        runs = [objects.runs[place] for place in places]
        striped = np.zeros(objects.size_hw, bool)
        for place in np.flatnonzero(shown & crowd):
            striped |= decode(objects.runs[place], objects.size_hw)
        return draw_instances(
            image,
            (decode(each, objects.size_hw) for each in runs),  # one at a time
            objects.labels[places].tolist(),
            boxes_xyxy(runs, objects.size_hw).reshape(-1, 4),
            palette=palette,
            names=names,
            ignored=striped if crowd.any() else None,
        )
