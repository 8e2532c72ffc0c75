"""A folder of images and COCO files as an mmengine data set of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.datasets import CocoDataset
from mmengine.registry import DATASETS

from segloop.data.instance_labels import InstanceSource, load_split


@DATASETS.register_module()
class InstanceDataset(CocoDataset):
    """One split of a data set with COCO files.

    What `dataset.json` beside the images says (classes and their order, colours, files) is taken from there,
    so a config names only the root and the split. Arguments given here win. Labels are numbered in the order
    of the classes, whatever the order in the file. What mmdet's `CocoDataset` would leave out or misnumber
    without a word is refused.

    Args:
        data_root: the folder of the data set.
        split: which part of it, for example `train`.
        ann_file: a COCO file, relative to the root, in place of the split's own.
        metainfo: `dict(classes=…, palette=…)`.
        data_prefix: `dict(img=…)`, the folder of the images, relative to the root.
        keep_empty: train on images without objects too, as background.
        join: make one object of this class of all objects of a group (the parts of one spacecraft).
        drop: for which reasons annotations may be left out (`segloop.data.instance_labels.DROPPABLE`).
    """

    METAINFO: dict = {}  # noqa: RUF012 (mmdet's are COCO's eighty classes)

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        *,
        ann_file: str = "",
        metainfo: dict | None = None,
        data_prefix: dict | None = None,
        keep_empty: bool = True,
        join: str | None = None,
        drop: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        given = {"ann_file": ann_file, "metainfo": metainfo, "data_prefix": data_prefix, "join": join}
        self.source = InstanceSource.find(data_root, split, given)
        self.split, self.keep_empty, self.drop = split, keep_empty, tuple(drop)
        super().__init__(
            ann_file=self.source.ann_file,
            metainfo=dict(self.source.metainfo),
            data_root=str(data_root),
            data_prefix={"img": self.source.image_prefix},
            **kwargs,
        )
        for place, step in enumerate(self.pipeline.transforms):
            if hasattr(step, "attach"):  # a step that looks at other samples
                step.attach(self, self.pipeline.transforms[:place])

    def load_data_list(self) -> list[dict[str, Any]]:
        """List the split's images in the order of the file; `image_id` is the path without suffix."""
        return load_split(
            self.source, training=not self.test_mode, keep_empty=self.keep_empty, drop=self.drop
        )

    def filter_data(self) -> list[dict[str, Any]]:
        """Keep what was loaded: `keep_empty` says what stays."""
        return self.data_list
