"""A sample of a large set: what is proposed follows from some hundreds of images as well as from all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segloop.data.annotations import LabelledImages, SizeHW
from segloop.data.image_files import IMAGE_SUFFIXES, image_size
from segloop.data.info import DatasetInfo
from segloop.data.inspection.alike import find_copies
from segloop.data.inspection.findings import Finding
from segloop.data.similar import hashes
from segloop.utils.errors import DataError

PIXELS = 500_000_000  # that are looked at
LEAST, MOST = 100, 600  # images
SEED = 0
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Files:
    """All image files of a prepared set by split, and the largest size that any has by its header."""

    files: tuple[tuple[str, Path], ...]
    largest_hw: SizeHW
    pixels: int

    @classmethod
    def of(cls, root: Path, info: DatasetInfo, *, progress: Progress | None = None) -> Files:
        """List the images and read their headers; one that cannot be read counts for nothing."""
        found = [
            (split, file)
            for split in info.splits
            for file in sorted((root / info.image_dir(split)).rglob("*"))
            if file.suffix.lower() in IMAGE_SUFFIXES
        ]
        sizes: list[SizeHW] = []
        for done, (_, file) in enumerate(found, start=1):
            try:
                sizes.append(image_size(file))
            except DataError:  # whoever decodes it says what is wrong
                continue
            if progress is not None:
                progress(done, len(found))
        largest = max(sizes, key=lambda hw: (hw[0] * hw[1], hw), default=(0, 0))
        return cls(tuple(found), largest, sum(height * width for height, width in sizes))

    def enough(self) -> int:
        """Return how many images are looked at: fewer where they are large.

        >>> Files((("train", Path("a.png")),) * 300, (1800, 2400), 300 * 1800 * 2400).enough()
        115
        """
        fitting = int(PIXELS * len(self.files) / max(1, self.pixels))
        return min(len(self.files), max(LEAST, min(MOST, fitting)))

    def alike(self, *, workers: int | None = None, progress: Progress | None = None) -> list[Finding]:
        """Compare all pictures with each other: leaks between splits, and copies."""
        files = [file for _, file in self.files]
        looks = hashes(files, workers=workers, progress=progress)
        names = [(file.stem, split, place) for place, (split, file) in enumerate(self.files)]
        same = [0] * len(files)  # labels are not compared: where nothing differs there is no conflict
        return list(find_copies(names, looks, sizes=[(0, 0)] * len(files), drawn=same))


def draw(images: LabelledImages, most: int) -> LabelledImages:
    """Return that many images of a set, in its order; all of it where it has no more."""
    if len(images) <= most:
        return images
    chosen = np.random.default_rng(SEED).choice(len(images), most, replace=False)
    keys: Sequence[object] = [images.keys[place] for place in sorted(chosen.tolist())]
    told = f"a sample: {most:,} of the {len(images):,} images were looked at, drawn with seed {SEED}"
    return replace(images, keys=keys, told=(*images.told, told))
