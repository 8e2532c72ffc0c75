"""Names the images of a test, describes their files, and times the model on them."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_world_size

from segloop.experiments.provenance import relative_path
from segloop.experiments.run_writer import ImageRow


class ImageNames:
    """Names images by their path below the image root of the data set, and describes their files.

    Where pictures of several roots have one name, as train's and val's may in a fold of both, all are named
    by their path below the folder that the roots share: `train/1` and `val/1`.
    """

    def __init__(self, dataset: Any) -> None:
        parts = list(plain_datasets(dataset))
        self.suffixes = [s for part in parts for s in _suffixes(part)]
        self.image_roots = [Path(r).absolute() for r in map(_image_root, parts) if r]
        if len(set(self.image_roots)) > 1 and self._meet(parts):
            with suppress(ValueError):  # of two drives
                self.image_roots = [Path(os.path.commonpath(self.image_roots))]
        roots = [part.data_root for part in parts if getattr(part, "data_root", None)]
        self.root = Path(roots[0]) if roots else Path.cwd()
        self.annotations = annotation_file(dataset)
        self._annotations_sha256 = (sha256(self.annotations) or "") if self.annotations else ""

    def image_id(self, path: Path) -> str:
        """Return the path relative to the image root, POSIX, without suffix."""
        path = path.absolute()
        inside = [root for root in self.image_roots if path.is_relative_to(root)]
        if inside:
            name = path.relative_to(max(inside, key=lambda root: len(root.parts))).as_posix()
        else:
            name = path.relative_to(path.anchor).as_posix()
        fitting = [suffix for suffix in self.suffixes if name.lower().endswith(suffix.lower())]
        suffix = max(fitting, key=len, default=path.suffix)
        return name[: len(name) - len(suffix)]

    def _meet(self, parts: Sequence[Any]) -> bool:
        """Return whether two pictures have one name."""
        paths = {Path(image) for part in parts for image in listed_images(part)}
        return len({self.image_id(path) for path in paths}) < len(paths)

    def row(self, sample: Any) -> ImageRow:
        """Describe the files of a data sample."""
        meta = sample.metainfo
        image = Path(meta["img_path"])
        mask = Path(meta["seg_map_path"]) if meta.get("seg_map_path") else None
        truth = mask or self.annotations
        height, width = meta["ori_shape"][:2]
        return ImageRow(
            image_id=self.image_id(image),
            image=self._seen_from_root(image),
            truth=self._seen_from_root(truth) if truth else "",
            height=int(height),
            width=int(width),
            sha256=sha256(image) or "",
            truth_sha256=(sha256(mask) or "") if mask else self._annotations_sha256,
        )

    def _seen_from_root(self, path: Path) -> str:
        return relative_path(path, to=self.root)


class InferenceTimer:
    """Times `test_step`, from the loaded batch to predictions at the images' own sizes."""

    def __init__(self, model: Any, *, warm_up: int) -> None:
        self.model = model
        self.warm_up = warm_up
        self.batches: list[tuple[float, int]] = []
        self._step: Callable[[Any], Any] = model.test_step
        model.test_step = self._timed

    def _timed(self, data: Any) -> Any:
        _wait_for_gpu()
        start = time.perf_counter()
        outputs = self._step(data)
        _wait_for_gpu()
        self.batches.append((time.perf_counter() - start, _images_in(outputs)))
        return outputs

    def close(self) -> dict[str, Any]:
        """Give the model its own step back; return the times in seconds per image."""
        del self.model.test_step
        skipped = min(self.warm_up, len(self.batches) // 2)
        counted = self.batches[skipped:]
        times = np.array([seconds / number for seconds, number in counted for _ in range(number)])
        device = next((parameter.device for parameter in self.model.parameters()), torch.device("cpu"))
        return {
            "seconds_per_image": {
                "median": _seconds(np.median(times)) if len(times) else None,
                "p95": _seconds(np.percentile(times, 95)) if len(times) else None,
                "mean": _seconds(times.mean()) if len(times) else None,
            },
            "images": len(times),
            "warm_up_images": sum(number for _, number in self.batches[:skipped]),
            "batch_size": max((number for _, number in self.batches), default=0),
            "device": device.type,
            "threads": torch.get_num_threads(),
            "processes": get_world_size(),
        }


def plain_datasets(dataset: Any) -> list[Any]:
    """Return the data sets inside wrappers that repeat, concatenate or mix."""
    if getattr(dataset, "datasets", None):
        return [plain for part in dataset.datasets for plain in plain_datasets(part)]
    inner = getattr(dataset, "dataset", None)
    return plain_datasets(inner) if inner is not None else [dataset]


def listed_images(dataset: Any) -> list[str]:
    """Return the images that data sets of mmengine's kind list, in their order."""
    parts = [part for part in plain_datasets(dataset) if hasattr(part, "get_data_info")]
    return [part.get_data_info(number)["img_path"] for part in parts for number in range(len(part))]


def annotation_file(dataset: Any) -> Path | None:
    """Return the COCO file of a data set; None where there is none, or several."""
    files = {str(getattr(part, "ann_file", None) or "") for part in plain_datasets(dataset)}
    file = Path(files.pop()) if len(files) == 1 else Path()
    return file if file.suffix == ".json" and file.is_file() else None


def sha256(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes; None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


def _image_root(dataset: Any) -> str | None:
    prefix = getattr(dataset, "data_prefix", None) or {}
    return prefix.get("img_path") or prefix.get("img") or getattr(dataset, "data_root", None)


def _suffixes(dataset: Any) -> tuple[str, ...]:
    suffixes = getattr(dataset, "suffixes", None) or getattr(dataset, "img_suffix", None) or ()
    return (suffixes,) if isinstance(suffixes, str) else tuple(suffixes)


def _images_in(outputs: Sequence[Any]) -> int:
    # A model that tells its loss while it is tested appends it as one more element.
    return sum("img_path" in output.metainfo_keys() for output in outputs) or 1


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _seconds(value: Any) -> float:
    return round(float(value), 6)
