"""A RUN's predictions as maps in the classes of two sets of labels, to be held against both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segloop.analysis.runs import Run
from segloop.cvat.differences import Classes
from segloop.data.annotations import ImageRecord
from segloop.data.index_masks import read_index_mask
from segloop.data.masks import paint
from segloop.utils.errors import UserError, listing


@dataclass(frozen=True)
class FoundMaps:
    """Gives the predicted map [H, W] of an image, None for one that the RUN was not tested on."""

    run: Run

    def __call__(self, record: ImageRecord, classes: Classes) -> np.ndarray | None:
        """Return the prediction in the numbers of `classes`; of objects, the surest lies on top."""
        if record.split not in (None, self.run.meta["split"]) or record.image_id not in self.run.images.index:
            return None
        if self.run.kind == "instance":
            found = self.run.found(record.image_id)
            canvas = np.full(found.size_hw, classes.background, np.uint16)
            order = np.argsort(
                found.scores if found.scores is not None else np.zeros(len(found)), kind="stable"
            )
            numbers = self._numbers(classes)[found.labels] if len(found) else np.zeros(0, np.uint16)
            paint([found.runs[place] for place in order], [int(numbers[place]) for place in order], canvas)
            return canvas
        mask = read_index_mask(self.run.prediction_file(record.image_id))
        return self._numbers(classes)[mask]

    def _numbers(self, classes: Classes) -> np.ndarray:
        """Return the number of each of the RUN's classes."""
        names, known = self.run.class_names, classes.labels.names
        strange = [
            name for place, name in enumerate(names) if name not in known and place != self.run.background
        ]
        if strange:
            raise UserError(f"{self.run.name} knows classes that the labels have not:\n{listing(strange)}")
        table = np.full(max(256, len(names)), classes.ignored, np.uint16)
        for place, name in enumerate(names):
            table[place] = classes.background if place == self.run.background else known.index(name)
        return table
