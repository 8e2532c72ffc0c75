"""A folder of images and index masks as an mmengine data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.registry import DATASETS
from mmseg.datasets import BaseSegDataset

from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.utils.errors import DataError, listing

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


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
        layout = Layout.find(data_root, split)
        self.split = split
        self.suffixes = (img_suffix,) if img_suffix else layout.image_suffixes
        super().__init__(
            ann_file=ann_file,
            img_suffix=self.suffixes[0],
            seg_map_suffix=seg_map_suffix or layout.mask_suffix,
            metainfo={**layout.metainfo, **(metainfo or {})},
            data_root=str(data_root),
            data_prefix={**layout.data_prefix, **(data_prefix or {})},
            ignore_index=layout.ignore_index if ignore_index is None else ignore_index,
            **kwargs,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """List the split's images in the order of their ids; `image_id` is the path without suffix."""
        images = Path(self.data_prefix["img_path"])
        masks = self.data_prefix.get("seg_map_path")
        if not images.is_dir():
            raise missing_folder(images, root=self.data_root)
        found = image_ids(images, self.suffixes)
        wanted = read_list(self.ann_file) if self.ann_file else sorted(found)
        unknown = [name for name in wanted if name not in found]
        if unknown:
            raise DataError(
                f"{self.ann_file} names {len(unknown)} image(s) that {images} lacks:\n{listing(unknown)}"
            )
        samples = []
        for name in wanted:
            sample = {
                "img_path": str(found[name]),
                "image_id": name,
                "label_map": self.label_map,
                "reduce_zero_label": self.reduce_zero_label,
                "seg_fields": [],
            }
            if masks is not None:
                sample["seg_map_path"] = str(Path(masks) / f"{name}{self.seg_map_suffix}")
            samples.append(sample)
        if not samples:
            raise DataError(f"The split {self.split!r} is empty: {images} holds no image.")
        return samples


class Layout:
    """Where a split's files are and what its classes are called, by `dataset.json` or by mmseg's custom."""

    def __init__(
        self,
        metainfo: dict,
        data_prefix: dict,
        image_suffixes: Sequence[str],
        mask_suffix: str,
        ignore_index: int,
    ) -> None:
        self.metainfo = metainfo
        self.data_prefix = data_prefix
        self.image_suffixes = tuple(image_suffixes)
        self.mask_suffix = mask_suffix
        self.ignore_index = ignore_index

    @classmethod
    def find(cls, root: Path | str, split: str) -> Layout:
        """Read the layout of `root`; mmseg's `img_dir`/`ann_dir` where no `dataset.json` says otherwise."""
        if not (Path(root) / FILE_NAME).is_file():
            prefix = {"img_path": f"img_dir/{split}", "seg_map_path": f"ann_dir/{split}"}
            return cls({}, prefix, IMAGE_SUFFIXES, ".png", 255)
        info = DatasetInfo.read(root)
        prefix = {"img_path": str(info.image_dir(split)), "seg_map_path": str(info.mask_dir(split))}
        metainfo = {
            "classes": list(info.class_names),
            "palette": info.palette,
            "background": info.background,
        }
        assert info.masks is not None  # mask_dir above would have refused
        return cls(metainfo, prefix, (info.images.suffix,), info.masks.suffix, info.ignore_index)


def image_ids(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Return the images below a folder by id: the POSIX path relative to it, without suffix."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        suffix = next((end for end in suffixes if path.name.lower().endswith(end.lower())), None)
        if suffix is None or not path.is_file() or path.name.startswith("."):
            continue
        name = path.relative_to(folder).as_posix()[: -len(suffix)]
        if name in found:
            raise DataError(
                f"{found[name]} and {path} would be the same image; rename or remove one of them.",
                image_id=name,
            )
        found[name] = path
    return found


def read_list(path: Path | str) -> list[str]:
    """Read a LIST file: one image_id per line; blank lines and what follows a leading # do not count."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"The list {path} cannot be read: {error.strerror}.") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def missing_folder(folder: Path, *, root: Path | str) -> DataError:
    """Say which folder was expected and how a data set gets there."""
    return DataError(
        f"The images were expected in {folder}, which does not exist.\n"
        f"Put a data set in mmseg's layout there ({root}/img_dir/<split>, {root}/ann_dir/<split>), "
        "point SEGLOOP_DATA at the folder that holds your data sets, or draw a demo set: "
        "python tools/make_demo.py multiclass"
    )
