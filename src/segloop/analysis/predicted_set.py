"""What a RUN predicted as a set of labels, beside the set that it was tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from segloop.analysis.runs import Run
from segloop.data.annotations import Bitmap, ImageRecord, Instance, Label, LabelledImages, LabelSet
from segloop.data.index_masks import read_index_mask
from segloop.utils.errors import DataError


def predicted_set(run: Run, images: LabelledImages, *, score_thr: float = 0.5) -> LabelledImages:
    """Return the images of a set that a RUN was tested on, with what it predicted in place of their labels.

    They are those of the RUN's split, if the set has it: another split may have images of the same ids.
    Objects below `score_thr` are left out; labels have the colours of the set's.
    """
    known, tested = set(run.images.index), run.meta["split"]
    found = [(key, image.split) for key in images.keys if (image := images.load(key)).image_id in known]
    there = any(split == tested for _, split in found)
    keys = [key for key, split in found if split == tested or not there]
    if not keys:
        raise DataError(f"{run.folder} was tested on none of these images.")
    colors = {label.name: label for label in images.labels.labels}
    labels = tuple(replace(colors.get(name, Label(name)), name=name) for name in run.class_names)
    background = run.background if run.kind == "semantic" else None
    known_labels = LabelSet(labels, background=background, ignore_index=images.labels.ignore_index)
    return LabelledImages(
        labels=known_labels, keys=keys, load=LoadPredicted(run, images, score_thr), facts=images.facts
    )


@dataclass(frozen=True)
class LoadPredicted:
    """Reads what was predicted for an image."""

    run: Run
    images: LabelledImages
    score_thr: float

    def __call__(self, key: Any) -> ImageRecord:
        """Return an image with the predicted objects, or the predicted index map."""
        truth = self.images.load(key)
        bare = replace(truth, instances=(), tags=(), semantic=None, ignore=None, remarks=())
        if self.run.kind == "semantic":
            semantic = read_index_mask(self.run.prediction_file(truth.image_id))
            return replace(bare, semantic=semantic, size_hw=(semantic.shape[0], semantic.shape[1]))
        found = self.run.found(truth.image_id)
        assert found.scores is not None
        names = self.run.class_names
        instances = tuple(
            Instance(label=names[int(label)], shape=Bitmap(found.size_hw, runs), score=float(score))
            for runs, label, score in zip(found.runs, found.labels, found.scores, strict=True)
            if score >= self.score_thr
        )
        return replace(bare, instances=instances, size_hw=found.size_hw)
