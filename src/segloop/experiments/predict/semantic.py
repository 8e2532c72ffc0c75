"""Predicts index maps: batches of one size, mirrored and turned views, windows that fade into each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmseg.models import EncoderDecoder
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor

from segloop.analysis.thresholds import ComponentRule, as_bytes, cut_components
from segloop.data.annotations import LabelSet
from segloop.data.masks import paint
from segloop.experiments.predict.fuse import best_class, resize_logits
from segloop.experiments.predict.results import SemanticPrediction
from segloop.experiments.predict.views import views_of
from segloop.experiments.predict.windows import Grid
from segloop.utils.errors import DataError

SampleBatch = Sequence[dict[str, Any]]


class SemanticPredictor:
    """Predicts with an mmseg model in eval mode.

    Logits decide, as in mmseg. Of several views probabilities are averaged; `rules` go by probabilities, too,
    those at the image's own size, for which they are tuned.
    """

    def __init__(
        self,
        model: EncoderDecoder,
        classes: LabelSet,
        *,
        tta: str = "",
        rules: Sequence[ComponentRule] | None = None,
        autocast: Callable[[], Any],
    ) -> None:
        self.model, self.classes, self.rules = model, classes, rules
        self.views, self.autocast = views_of(tta), autocast
        self.device = next(model.parameters()).device
        head = model.decode_head
        self.align_corners = bool(getattr(model, "align_corners", False))
        self.cut = float(getattr(head, "threshold", None) or 0.5)  # of a network with one output
        # Heads and models that do more than compute and resize logits do it themselves.
        self.plain = isinstance(head, BaseDecodeHead) and all(
            getattr(type(part), name) is getattr(base, name)
            for part, base, names in (
                (model, EncoderDecoder, ("encode_decode", "whole_inference", "inference")),
                (head, BaseDecodeHead, ("predict", "predict_by_feat")),
            )
            for name in names
        )

    @torch.inference_mode()
    def predict(self, samples: SampleBatch) -> list[SemanticPrediction]:
        """Return the index maps of samples of one network size, at the images' own sizes."""
        scores = self._scores(samples)
        found = []
        for number, sample in enumerate(samples):
            size_hw = tuple(sample["data_samples"].metainfo["ori_shape"][:2])
            decision = Decision(self, size_hw)
            own = scores[number : number + 1]
            decision.take(0, resize_logits(own, size_hw, align_corners=self.align_corners)[0])
            found.append(decision.prediction())
        return found

    @torch.inference_mode()
    def predict_windows(
        self, grid: Grid, cut: Callable[[slice, slice], dict[str, Any]], *, batch_size: int
    ) -> SemanticPrediction:
        """Return the index map of an image that `cut` gives in parts; few rows of scores are held."""
        decision = Decision(self, grid.size_hw)
        band: Tensor | None = None  # scores of the rows from `top` on, not all windows of which are in yet
        top = 0
        for place, (rows, row_weights) in enumerate(grid.rows):
            if band is not None:
                band = self._lowered(band, rows.start - top, rows.stop - rows.start)
            top = rows.start
            for scores, (columns, column_weights) in self._row(grid, rows, cut, batch_size):
                if band is None:
                    band = scores.new_zeros(scores.shape[0], rows.stop - rows.start, grid.size_hw[1])
                weights = torch.from_numpy(np.outer(row_weights, column_weights)).to(scores.device)
                band[:, :, columns] += scores * weights
            after = grid.rows[place + 1][0].start if place + 1 < len(grid.rows) else rows.stop
            assert band is not None
            decision.take(rows.start, band[:, : after - rows.start])
        return decision.prediction()

    @staticmethod
    def _lowered(band: Tensor, by: int, height: int) -> Tensor:
        lower = band.new_zeros(band.shape[0], height, band.shape[2])
        kept = band[:, by:]
        lower[:, : kept.shape[1]] = kept
        return lower

    def _row(
        self, grid: Grid, rows: slice, cut: Callable[[slice, slice], dict[str, Any]], batch_size: int
    ) -> Iterator[tuple[Tensor, tuple[slice, np.ndarray]]]:
        for begin in range(0, len(grid.columns), batch_size):
            part = grid.columns[begin : begin + batch_size]
            height, width = rows.stop - rows.start, part[0][0].stop - part[0][0].start  # all are of one size
            scores = self._scores([cut(rows, columns) for columns, _ in part])
            scores = resize_logits(scores, (height, width), align_corners=self.align_corners)
            yield from zip(scores, part, strict=True)

    def _scores(self, samples: SampleBatch) -> Tensor:
        """Return logits, or probabilities where views are averaged, [N, C, H, W].

        What the preprocessor pads is cut off again.
        """
        inputs, metas = self._inputs(samples)
        scores = self._of_views(inputs, metas)
        left, right, top, bottom = metas[0].get("img_padding_size", (0, 0, 0, 0))  # all are of one size
        height, width = scores.shape[2:]
        return scores[:, :, top : height - bottom, left : width - right]

    def _of_views(self, inputs: Tensor, metas: list[dict[str, Any]]) -> Tensor:
        if len(self.views) == 1:
            return self._logits(inputs, metas)
        total: Tensor | None = None
        for turns, axes in self.views:
            view = torch.rot90(inputs, turns, (-2, -1)) if turns else inputs
            logits = self._logits(view.flip(axes) if axes else view, metas)
            chances = _probabilities(logits, dim=1)
            chances = chances.flip(axes) if axes else chances
            chances = torch.rot90(chances, -turns, (-2, -1)) if turns else chances
            total = chances if total is None else total.add_(chances)
        assert total is not None
        return total.div_(len(self.views))

    def _inputs(self, samples: SampleBatch) -> tuple[Tensor, list[dict[str, Any]]]:
        data = {
            "inputs": [sample["inputs"].to(self.device, non_blocking=True) for sample in samples],
            "data_samples": [sample["data_samples"] for sample in samples],
        }
        ready = self.model.data_preprocessor(data, False)
        inputs: Tensor = ready["inputs"]
        return inputs, [sample.metainfo for sample in ready["data_samples"]]

    def _logits(self, inputs: Tensor, metas: list[dict[str, Any]]) -> Tensor:
        size_hw = (int(inputs.shape[2]), int(inputs.shape[3]))
        sliding = self.model.test_cfg is not None and self.model.test_cfg.get("mode", "whole") == "slide"
        with self.autocast():
            if self.plain and not sliding:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
                logits = self.model.decode_head(self.model.extract_feat(inputs)).float()
                return resize_logits(logits, size_hw, align_corners=self.model.decode_head.align_corners)
            # mmseg resizes logits to `img_shape`, which is the input's own once it is padded
            metas = [{**meta, "img_shape": inputs.shape[2:], "pad_shape": size_hw} for meta in metas]
            return self.model.inference(inputs, metas).float()


class Decision:
    """Turns the scores of an image into its index map, some rows at a time."""

    def __init__(self, predictor: SemanticPredictor, size_hw: tuple[int, ...]) -> None:
        self.of = predictor
        classes = predictor.classes
        self.size_hw = (int(size_hw[0]), int(size_hw[1]))
        self.averaged = len(predictor.views) > 1
        wide = len(classes) > 256
        self.mask = np.zeros(self.size_hw, np.uint16 if wide else np.uint8)
        self.chances: dict[int, np.ndarray] = {}  # of the classes with rules, as bytes
        if predictor.rules is not None:
            foreground = [place for place in range(len(classes)) if place != classes.background]
            self.chances = {place: np.zeros(self.size_hw, np.uint8) for place in foreground}

    def take(self, top: int, scores: Tensor) -> None:
        """Take the scores [C, h, W] of the rows from `top` on."""
        rows = slice(top, top + scores.shape[1])
        if self.of.rules is not None:
            known = scores if self.averaged else _probabilities(scores, dim=0)
            for place, chance in self.chances.items():
                single = known.shape[0] == 1
                values = (known[0] if place else 1 - known[0]) if single else known[place]
                chance[rows] = as_bytes(values.cpu().numpy())
        elif scores.shape[0] == 1:
            chances = scores[0] if self.averaged else scores[0].sigmoid()
            self.mask[rows] = (chances > self.of.cut).cpu().numpy()
        else:
            self.mask[rows] = best_class(scores[None])[0].cpu().numpy()

    def prediction(self) -> SemanticPrediction:
        """Return the whole index map."""
        if self.of.rules is not None:
            self._apply(self.of.rules)
        return SemanticPrediction(mask=self.mask, classes=self.of.classes)

    def _apply(self, rules: Sequence[ComponentRule]) -> None:
        """Fill in the parts that count; where those of two classes overlap, the likelier one is seen."""
        background = self.of.classes.background
        if background is None:
            raise DataError("Thresholds of components need a background class, and these classes have none.")
        self.mask[:] = background
        best = np.zeros(self.size_hw, np.uint8)
        for place, chance in self.chances.items():
            parts = np.zeros(self.size_hw, np.uint8)
            runs = cut_components(chance, rule=rules[place])
            paint(runs, [1] * len(runs), parts)
            wins = (parts > 0) & (chance > best)
            self.mask[wins] = place
            best[wins] = chance[wins]


def _probabilities(logits: Tensor, *, dim: int) -> Tensor:
    """Return the probabilities of logits whose classes lie along `dim`."""
    return logits.sigmoid() if logits.shape[dim] == 1 else logits.softmax(dim=dim)
