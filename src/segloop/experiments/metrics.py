"""The semantic metric of mmengine's evaluator: counts each image once, derives all scores from the counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS

from segloop.analysis.counts import ClassCounts, class_counts, confusion
from segloop.analysis.scores import class_scores, rule_line, set_scores
from segloop.data.png import encode_indices
from segloop.utils.errors import ConfigError

Background = int | Literal["auto"] | None


@METRICS.register_module()
class SegLoopSemanticMetric(BaseMetric):
    """Scores of semantic segmentation, in percent for the logs, under the names of `analysis.scores`.

    Args:
        ignore_index: pixels with this value in the truth are not counted.
        background: the class that `_fg` means leave out; `auto` asks the data set, None takes all classes.
        per_class: log `IoU.<class>` and `Dice.<class>` too.
        output_dir: also write one index mask per image there, plus one if the set reduces the zero label.
        format_only: write the masks and count nothing, for images without truth.
        keep_results: what mmseg's test tool passes; the written masks are kept either way.
        collect_device, prefix, collect_dir: as in mmengine.
    """

    def __init__(
        self,
        ignore_index: int = 255,
        *,
        background: Background = "auto",
        per_class: bool = True,
        output_dir: str | None = None,
        format_only: bool = False,
        keep_results: bool = True,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        # mmengine warns of a metric without a prefix; ours has none on purpose, as mmseg's.
        super().__init__(collect_device=collect_device, prefix=prefix or "none", collect_dir=collect_dir)
        self.prefix = prefix
        if format_only and output_dir is None:
            raise ConfigError("format_only writes masks and counts nothing: it needs output_dir.")
        self.ignore_index = ignore_index
        self.background = background
        self.per_class = per_class
        self.format_only = format_only
        self.keep_results = keep_results
        self.masks = MaskFolder(Path(output_dir)) if output_dir is not None else None
        self.confusion: np.ndarray | None = None
        """The confusion of the last evaluation, int64 [truth, pred]; on the main process."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count a batch of data samples, as mmengine's evaluator passes them."""
        num_classes = len(self.class_names)
        for sample in data_samples:
            pred = class_mask(sample["pred_sem_seg"]["data"])
            if not self.format_only:
                counted = confusion(
                    pred,
                    class_mask(sample["gt_sem_seg"]["data"]),
                    num_classes=num_classes,
                    ignore_index=self.ignore_index,
                    image_id=sample.get("seg_map_path") or sample.get("img_path"),
                ).ravel()
                pairs = np.flatnonzero(counted)  # an image has few of the pairs that a thousand classes make
                self.results.append((pairs, counted[pairs]))
            else:
                self.results.append(None)
            if self.masks is not None:
                self.masks.write(
                    pred + 1 if sample.get("reduce_zero_label", False) else pred, image=sample["img_path"]
                )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Sum the counts of all images, print one table, and return the scores in percent."""
        if self.format_only:
            assert self.masks is not None
            print_log(f"The masks are in {self.masks.folder}", logger="current")
            return {}
        num_classes = len(self.class_names)
        total = np.zeros(num_classes**2, np.int64)
        for pairs, numbers in results:
            total[pairs] += numbers
        self.confusion = total.reshape(num_classes, num_classes)
        counts = class_counts(self.confusion)
        scores = set_scores(
            counts,
            class_names=self.class_names,
            background=find_background(self.background, dict(self.dataset_meta or {})),
        )
        table = score_table(counts, self.class_names)
        print_log(f"\n{table}\n{rule_line()}", logger="current")
        return {
            name: round(100 * value, 4)
            for name, value in scores.items()
            # A class that the set lacks has no score, and scalars.json shall stay valid JSON.
            if "." not in name or (self.per_class and not math.isnan(value))
        }

    @property
    def class_names(self) -> list[str]:
        """The names of the classes, from the data set's metainfo."""
        names = (self.dataset_meta or {}).get("classes")
        if not names:
            raise ConfigError(
                "The data set names no classes: set metainfo=dict(classes=[…], palette=[…]) in its config, "
                "or put a dataset.json beside the images."
            )
        return [str(name) for name in names]


class MaskFolder:
    """A folder of index masks as PNG, one per image, named like the image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._sources: dict[str, str] = {}
        if is_main_process():
            self.folder.mkdir(parents=True, exist_ok=True)

    def name(self, image: str | Path) -> str:
        """Return what the mask of an image is called; a later image of one name has its folder before it.

        Asked of all images in their order first, it is the same in each process of a test.
        """
        path = Path(image)
        parents = [part for part in path.parent.parts if part not in (path.anchor, "..", ".")]
        name = path.stem
        while self._sources.setdefault(name, str(image)) != str(image) and parents:
            name = f"{parents.pop()}/{name}"
        return name

    def write(self, mask: np.ndarray, *, image: str | Path) -> Path:
        """Write the mask of an image."""
        file = self.folder / f"{self.name(image)}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode_mask(mask))
        return file


def encode_mask(mask: np.ndarray, *, palette: Sequence[Sequence[int]] = ()) -> bytes:
    """Return a PNG whose pixels are class indices: 8 bits, with a palette where there is one, or 16."""
    top = int(mask.max(initial=0))
    if top < 256 and 0 < len(palette) <= 256:
        return encode_indices(mask.astype(np.uint8), palette=palette, level=6)
    done, data = cv2.imencode(".png", mask.astype(np.uint8 if top < 256 else np.uint16))
    if not done:
        raise OSError("the mask could not be encoded as PNG")
    return data.tobytes()


def class_mask(data: Any) -> np.ndarray:
    """Return a [1, H, W] or [H, W] tensor (or array) of class indices as an array [H, W]."""
    array = data.detach().cpu().numpy() if hasattr(data, "detach") else np.asarray(data)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.dtype.kind == "f":  # mmseg's models with a single output channel predict 0.0 and 1.0
        array = array.astype(np.uint8)
    return array


def find_background(background: Background, dataset_meta: dict) -> int | None:
    """Return the index of the background: as given, or as the data set says, or the class of that name."""
    if background != "auto":
        return background
    if "background" in dataset_meta:
        return dataset_meta["background"]
    names = [str(name).lower() for name in dataset_meta.get("classes") or ()]
    return names.index("background") if "background" in names else None


def score_table(counts: ClassCounts, class_names: Sequence[str]) -> str:
    """Return a table of IoU, Dice, Acc and share of the true pixels per class, in percent."""
    scores = class_scores(counts)
    share = (counts.tp + counts.fn) / max(int(counts.pixels), 1)
    rows = [
        (name, *(_percent(values[index]) for values in (scores.iou, scores.dice, scores.acc, share)))
        for index, name in enumerate(class_names)
    ]
    return format_table(("Class", "IoU", "Dice", "Acc", "Share"), rows)


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in lines; the first column is flush left, numbers are flush right.

    >>> print(format_table(("Class", "IoU"), [("disc", "91.20")]))
    | Class |   IoU |
    |-------|-------|
    | disc  | 91.20 |
    """
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return f"| {' | '.join(padded)} |"

    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([line(header), rule, *map(line, rows)])


def _percent(fraction: float) -> str:
    return "–" if math.isnan(fraction) else f"{100 * fraction:.2f}"
