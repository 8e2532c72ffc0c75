"""Lets an exported model take the place of one of torch's: the same inputs, views, windows and thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from segloop.analysis.thresholds import ComponentRule, Thresholds, read_thresholds
from segloop.data.digests import file_digest
from segloop.experiments.onnx.model import Decision, OnnxModel, as_seen
from segloop.experiments.onnx.pictures import read_rgb
from segloop.experiments.predict.model import Model, Settings
from segloop.experiments.predict.results import SemanticPrediction
from segloop.experiments.predict.views import views_of
from segloop.experiments.predict.windows import Grid
from segloop.utils.errors import UserError

Samples = Sequence[dict[str, Any]]


def load_onnx(path: Path | str, **settings: Any) -> Model:
    """Load an exported model as `segloop.load` does; `settings` are those of `Settings`."""
    asked = Settings(**settings)
    if asked.precision != "auto" or asked.compile:
        raise UserError(f"{path} computes as it was exported: --precision and --compile are of torch models.")
    runner = OnnxModel.load(path)
    notes, classes = runner.notes, runner.classes
    runner.use_rules(_rules(asked, runner))
    predictor: Any = OnnxPredictor(runner, tta=asked.tta)
    pictures: Any = OnnxPictures(runner, resize=asked.window_hw is None)
    about = {
        "kind": "semantic",
        "checkpoint": Path(path).name,
        "weights": file_digest(Path(path)).hex(),
        "classes": list(classes.names),
        "device": "cpu",
        "precision": notes.precision,
        "tta": asked.tta,
        "window": list(asked.window_hw) if asked.window_hw else None,
        "overlap": asked.overlap if asked.window_hw else None,
        "batch_size": asked.batch_size,
        "rules": None if runner.rules is None else [str(rule) for rule in runner.rules],
    }
    return Model(predictor, pictures, settings=asked, about=about, told=_told(path, runner, asked))


class OnnxPictures:
    """Decodes images, and brings them to the size that the network sees; `resize` is off for windows."""

    steps = (
        {"type": "OnnxPictures"},
    )  # what it does to a size is not told: images of one size share a batch

    def __init__(self, runner: OnnxModel, *, resize: bool) -> None:
        self._resizing = runner.notes.resizing if resize else None

    def of_file(self, file: Path) -> dict[str, Any]:
        """Return the sample of a file; a DataError says why it cannot be read."""
        return self._sample(read_rgb(file.read_bytes()))

    def of_array(self, image: np.ndarray) -> dict[str, Any]:
        """Return the sample of a BGR image [H, W, 3] uint8."""
        return self._sample(image[..., ::-1])

    def _sample(self, rgb: np.ndarray) -> dict[str, Any]:
        seen = as_seen(rgb, self._resizing)
        return {"inputs": seen.transpose(2, 0, 1), "shown": rgb[..., ::-1], "size_hw": rgb.shape[:2]}


class OnnxPredictor:
    """Predicts index maps with an exported model; several views are averaged as probabilities."""

    device = SimpleNamespace(type="cpu")

    def __init__(self, runner: OnnxModel, *, tta: str = "") -> None:
        self.runner, self.views = runner, views_of(tta)
        self.classes, self.rules = runner.classes, runner.rules

    def predict(self, samples: Samples) -> list[SemanticPrediction]:
        """Return the index maps of samples of one network size, at the images' own sizes."""
        return [
            self._prediction(self.runner.at_size(scores, sample["size_hw"]))
            for scores, sample in zip(self._scores(samples), samples, strict=True)
        ]

    def predict_windows(
        self, grid: Grid, cut: Callable[[slice, slice], dict[str, Any]], *, batch_size: int
    ) -> SemanticPrediction:
        """Return the index map of an image that `cut` gives in parts; few rows of scores are held."""
        decision = Decision(self.runner, grid.size_hw, probabilities=len(self.views) > 1)
        band: np.ndarray | None = None  # scores of a window's rows, those below it not all there yet
        for place, (rows, row_weights) in enumerate(grid.rows):
            for begin in range(0, len(grid.columns), batch_size):
                part = grid.columns[begin : begin + batch_size]
                found = self._scores([cut(rows, columns) for columns, _ in part])
                for scores, (columns, column_weights) in zip(found, part, strict=True):
                    if band is None:
                        band = np.zeros((*scores.shape[:2], grid.size_hw[1]), np.float32)
                    band[:, :, columns] += scores * np.outer(row_weights, column_weights)
            assert band is not None
            after = grid.rows[place + 1][0].start if place + 1 < len(grid.rows) else rows.stop
            done = after - rows.start
            decision.take(rows.start, band[:, :done])
            band[:, : band.shape[1] - done] = band[:, done:].copy()
            band[:, band.shape[1] - done :] = 0
        return SemanticPrediction(mask=decision.whole(), classes=self.classes)

    def _scores(self, samples: Samples) -> Iterator[np.ndarray]:
        """Yield logits, or the probabilities that several views have on average, [C, h, w]."""
        batch = np.stack([sample["inputs"].transpose(1, 2, 0) for sample in samples])
        if len(self.views) == 1:
            yield from self.runner.run(batch)
            return
        total: np.ndarray | None = None
        for turns, axes in self.views:
            view = np.flip(np.rot90(batch, turns, (1, 2)), [axis - 1 for axis in axes])  # of [N, H, W, 3]
            logits = self.runner.run(np.ascontiguousarray(view))
            chances = np.stack([self.runner.probabilities(each) for each in logits])
            chances = np.rot90(np.flip(chances, axes), -turns, (2, 3))
            total = chances.copy() if total is None else total + chances
        assert total is not None
        yield from total / np.float32(len(self.views))

    def _prediction(self, scores: np.ndarray) -> SemanticPrediction:
        mask = self.runner.decide(scores, probabilities=len(self.views) > 1)
        return SemanticPrediction(mask=mask, classes=self.classes)


def _rules(asked: Settings, runner: OnnxModel) -> Sequence[ComponentRule] | None:
    """Return a rule for each class, the background's unused; None where the likeliest class wins."""
    classes, rules = runner.classes, runner.rules
    if asked.thresholds is None:
        rules = None
    elif asked.thresholds != "auto":
        tuned: Thresholds = read_thresholds(asked.thresholds)
        names = [label.name for label in classes.foreground]
        given = dict(zip(names, tuned.of(names, ComponentRule), strict=True))
        rules = [given.get(name, ComponentRule()) for name in classes.names]
    if asked.score_thr is None:
        return rules
    rules = rules or [ComponentRule()] * len(classes)
    return [replace(each, threshold=asked.score_thr) for each in rules]


def _told(path: Path | str, runner: OnnxModel, asked: Settings) -> list[str]:
    told = [f"{Path(path).name} by ONNX Runtime, {runner.notes.precision}"]
    if runner.rules is not None:
        tuned = asked.thresholds is not None and (asked.thresholds != "auto" or runner.notes.thresholds)
        place = "the thresholds in the file" if asked.thresholds == "auto" else str(asked.thresholds)
        scores = "the scores of --score-thr" if asked.score_thr is not None else ""
        told.append(f"what counts is said by {' with '.join(filter(None, [place if tuned else '', scores]))}")
    return told
