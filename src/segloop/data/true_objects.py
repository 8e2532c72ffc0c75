"""The true objects behind an index mask: touching ones are one blot in it, and apart in the COCO file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from segloop.data.coco_losses import read_coco
from segloop.data.info import FILE_NAME, DatasetInfo
from segloop.data.instance_labels import is_taken, joined, runs_of
from segloop.data.masks import Runs, components
from segloop.utils.errors import DataError


class TrueObjects:
    """Finds the objects of one class by the path of their index mask.

    The `dataset.json` above the mask says which COCO file belongs to it. Where there is none, or it names no
    COCO file, the connected parts of the mask stand for the objects; `from_masks` counts such images.
    """

    def __init__(self) -> None:
        self.from_masks = 0
        self._folders: dict[Path, tuple[int, dict[str, list[Any]]] | None] = {}

    def of(self, mask_file: Path | str, mask: np.ndarray) -> list[Runs]:
        """Return the objects of an image as run lengths; `mask` [H, W] is true where the class is."""
        listed = self._listed(Path(mask_file))
        if listed is None:
            self.from_masks += 1
            return components(mask)
        size_hw = (mask.shape[0], mask.shape[1])
        return [_runs(each, size_hw, file=Path(mask_file)) for each in listed]

    def _listed(self, mask_file: Path) -> list[Any] | None:
        """Return COCO's segmentations of an image; None where no COCO file is known."""
        for folder in mask_file.absolute().parents:
            if folder not in self._folders:
                self._folders[folder] = _read_split(folder)
            found = self._folders[folder]
            if found is not None:
                suffix, by_image = found
                return by_image.get(mask_file.absolute().relative_to(folder).as_posix()[: -suffix or None])
        return None


def _read_split(masks: Path) -> tuple[int, dict[str, list[Any]]] | None:
    """Return how long the suffix of a split's masks is, and its segmentations by image.

    None if this folder is not where the masks of a split lie.
    """
    for root in masks.parents:
        if not (root / FILE_NAME).is_file():
            continue
        info = DatasetInfo.read(root)
        for split in info.splits:
            if info.masks is None or split not in info.coco or root / info.mask_dir(split) != masks:
                continue
            content = read_coco(root / info.coco[split])
            ending = info.images.suffix
            names = {image["id"]: _image_id(image["file_name"], ending) for image in content["images"]}
            found: dict[str, list[Any]] = {name: [] for name in names.values()}
            for each in content["annotations"]:
                drawn = each.get("segmentation") and not each.get("iscrowd")
                if drawn and each["image_id"] in names:
                    found[names[each["image_id"]]].append(each["segmentation"])
            return len(info.masks.suffix), found
        return None
    return None


def _image_id(file_name: str, ending: str) -> str:
    """Return the id of an image by its path, whose name ends with `ending`, or with any suffix."""
    path = Path(file_name)
    ending = ending if ending and file_name.lower().endswith(ending.lower()) else path.suffix
    return path.as_posix()[: -len(ending) or None]


def _runs(segmentation: Any, size_hw: tuple[int, int], *, file: Path) -> Runs:
    """Return the run lengths of one of COCO's segmentations, as a training reads it."""
    try:
        return runs_of([segmentation], size_hw)[0]
    except DataError as error:
        raise DataError(f"{file}: an object of this image in the set's COCO file: {error}") from error


class CocoObjects:
    """The objects that a COCO file has for each image, made when they are asked for.

    Those that a test leaves out, as of no area, are none here, either: matches name objects by their place.
    With `join` the parts that share a group are one object, of category 1, as `InstanceDataset` joins them.
    """

    def __init__(self, file: Path, *, join: str | None = None) -> None:
        content = read_coco(file)
        if join:
            content = joined(content, join)
        self.file = file
        self._by_image: dict[str, list[Any]] = {str(image["id"]): [] for image in content["images"]}
        self._ignored = {
            str(image["id"]): (image.get("segloop") or {}).get("ignore") for image in content["images"]
        }
        for each in content["annotations"]:
            self._by_image.setdefault(str(each["image_id"]), []).append(each)

    def of(self, image_id: Any, size_hw: tuple[int, int]) -> list[tuple[int | str, Runs, bool]]:
        """Return category, runs and crowd of an image's objects, by its id; crowds last, none empty.

        Categories are ids as the file has them, numbers or texts.
        """
        if str(image_id) not in self._by_image:
            raise DataError(f"{self.file} has no image {image_id}: it is not the file that was tested on.")
        objects = []
        for each in self._by_image[str(image_id)]:
            measured = "bbox" in each and "area" in each  # else no test takes the file
            if not each.get("segmentation") or each.get("ignore"):
                continue
            if measured and not is_taken(each, size_hw):
                continue
            runs = _runs(each["segmentation"], size_hw, file=self.file)
            if len(runs) > 1:
                objects.append((each["category_id"], runs, bool(each.get("iscrowd"))))
        return sorted(objects, key=lambda each: each[2])

    def ignored(self, image_id: Any, size_hw: tuple[int, int]) -> Runs | None:
        """Return the pixels of an image in which nothing is scored, by its id; None where all are."""
        segmentation = self._ignored.get(str(image_id))
        return _runs(segmentation, size_hw, file=self.file) if segmentation else None
