"""A folder of images and index masks as an mmengine data set."""

from __future__ import annotations

from typing import Any

from mmengine.registry import DATASETS
from mmseg.datasets import BaseSegDataset

from segloop.data.layout import Layout, image_ids, missing_folder
from segloop.utils.errors import DataError, listing


@DATASETS.register_module()
class SemanticDataset(BaseSegDataset):
    """One split of a data set in mmseg's layout.

    What `dataset.json` beside the images says (classes, colours, folders, suffixes, ignored value) is taken
    from there, so a config names only the root and the split. Arguments given here win; without a
    `dataset.json` the layout is `img_dir/<split>`, `ann_dir/<split>`, and `metainfo` must name the classes.

    Args:
        data_root: the folder of the data set.
        split: which part of it, for example `train`.
        ann_file: a LIST file, one image_id per line, to use only those images.
        metainfo: `dict(classes=…, palette=…)`.
        data_prefix: `dict(img_path=…, seg_map_path=…)`, relative to the root.
        img_suffix, seg_map_suffix: endings of the files' names; any known image ending by default.
    """

    def __init__(
        self,
        data_root: str,
        split: str = "train",
        *,
        ann_file: str = "",
        metainfo: dict | None = None,
        data_prefix: dict | None = None,
        img_suffix: str | None = None,
        seg_map_suffix: str | None = None,
        ignore_index: int | None = None,
        **kwargs: Any,
    ) -> None:
        given = {
            "ann_file": ann_file,
            "metainfo": metainfo,
            "data_prefix": data_prefix,
            "img_suffix": img_suffix,
            "seg_map_suffix": seg_map_suffix,
            "ignore_index": ignore_index,
        }
        self.layout = Layout.find(data_root, split, given)
        self.split = split
        self.suffixes = self.layout.image_suffixes
        super().__init__(
            ann_file=ann_file,
            img_suffix=self.suffixes[0],
            seg_map_suffix=self.layout.mask_suffix,
            metainfo=dict(self.layout.metainfo),
            data_root=str(data_root),
            data_prefix=dict(self.layout.data_prefix),
            ignore_index=self.layout.ignore_index,
            **kwargs,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """List the split's images in the order of their ids; `image_id` is the path without suffix."""
        images, only = self.layout.images, self.layout.only
        if not images.is_dir():
            raise missing_folder(images)
        found = image_ids(images, self.suffixes)
        wanted = sorted(found) if only is None else only
        unknown = [name for name in wanted if name not in found]
        if unknown:
            raise DataError(
                f"{self.ann_file} names {len(unknown)} image(s) that {images} lacks:\n{listing(unknown)}"
            )
        samples = [
            {
                "img_path": str(found[name]),
                "seg_map_path": str(mask),
                "image_id": name,
                "label_map": self.label_map,
                "reduce_zero_label": self.reduce_zero_label,
                "seg_fields": [],
            }
            for name, mask in zip(wanted, self.layout.mask_files(wanted), strict=True)
        ]
        if not samples:
            raise DataError(f"The split {self.split!r} is empty: {images} holds no image.")
        return samples
