"""Predicts with an exported model: numpy, OpenCV and ONNX Runtime, no torch and no config."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segloop.analysis.thresholds import ComponentRule, as_bytes, cut_components
from segloop.data.masks import paint
from segloop.experiments.onnx.notes import ModelNotes, Resizing, Windows
from segloop.experiments.predict.results import SemanticPrediction
from segloop.utils.errors import DataError, FormatError, MissingDependency, UserError
from segloop.utils.quiet import report_nothing
from segloop.utils.workers import cpu_count

INPUT, OUTPUT = "image", "logits"
SUFFIX = ".onnx"
INSTALL = "pip install -e '.[export]'"


class OnnxModel:
    """A semantic model in an ONNX file. May be used by several threads at once.

    Images are RGB, [H, W, 3] uint8, of any size: what the network sees, resized or cut into windows, is as in
    the training's own test pipeline, which the file's notes tell.
    """

    def __init__(self, session: Any, notes: ModelNotes) -> None:
        self._session, self.notes = session, notes
        self.classes = notes.label_set
        self.rules: Sequence[ComponentRule] | None = None
        self.use_rules(_component_rules(notes))

    @classmethod
    def load(cls, path: Path | str, *, threads: int | None = None) -> OnnxModel:
        """Read an `.onnx` file of tools/export.py; `threads` are those of one prediction (default: all)."""
        path = Path(path)
        ort = runtime()
        if not path.is_file():
            raise UserError(f"There is no model {str(path)!r}; tools/export.py writes one.")
        options = ort.SessionOptions()
        options.enable_mem_pattern = False  # memory is planned for one shape, and here each may be another
        options.log_severity_level = 3
        # As many as this process may use: ONNX Runtime counts the machine's cores, whatever a container has.
        options.intra_op_num_threads = threads or cpu_count()
        # Threads that wait by spinning take the cores from whoever else computes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has an exception for each of its states, all undocumented
            raise FormatError(
                f"not a model that ONNX Runtime can load ({_first_line(error)})", file=path
            ) from error
        notes = ModelNotes.of(session.get_modelmeta().custom_metadata_map, file=path)
        if [each.name for each in session.get_inputs()] != [INPUT]:
            raise FormatError(f"its input is not the one image {INPUT!r}; export it again", file=path)
        return cls(session, notes)

    def use_rules(self, rules: Sequence[ComponentRule] | None) -> None:
        """Let connected parts count by a rule a class; None lets the likeliest class win."""
        if rules is not None and self.notes.background is None:
            raise DataError("Thresholds of components need a background class, and these classes have none.")
        self.rules = rules

    @property
    def told(self) -> tuple[str, ...]:
        """What the user may want to know: whether tuned thresholds say what counts."""
        return () if self.rules is None else ("what counts is said by the thresholds in the file",)

    def predict(self, image: np.ndarray) -> SemanticPrediction:
        """Return the index map of one image, RGB [H, W, 3] uint8."""
        return self.predict_batch([image])[0]

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SemanticPrediction]:
        """Return the index maps of images; those that the network sees at one size are computed together."""
        for image in images:
            _require_rgb(image)
        return [
            SemanticPrediction(mask=self.decide(scores), classes=self.classes, image=image)
            for image, scores in zip(images, self.logits(images), strict=True)
        ]

    def logits(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the logits [C, H, W] float32 of each image, at its own size."""
        seen = [as_seen(image, self.notes.resizing) for image in images]
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, image in enumerate(seen):
            groups.setdefault(image.shape, []).append(place)
        found: dict[int, np.ndarray] = {}
        for places in groups.values():
            batch = self.run(np.stack([seen[place] for place in places]))
            for place, scores in zip(places, batch, strict=True):
                found[place] = self.at_size(scores, images[place].shape[:2])
        return [found[place] for place in range(len(images))]

    def at_size(self, scores: np.ndarray, size_hw: Sequence[int]) -> np.ndarray:
        """Bring logits [C, h, w] to the size of the image."""
        if scores.shape[1:] == tuple(size_hw):
            return scores
        if self.notes.align_corners:
            rows = _between_corners(scores, size_hw[0], axis=1)
            return _between_corners(rows, size_hw[1], axis=2)
        import cv2

        size_wh = size_hw[1], size_hw[0]
        return np.stack([cv2.resize(each, size_wh, interpolation=cv2.INTER_LINEAR) for each in scores])

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Return the logits [N, C, H, W] of images of one size, [N, H, W, 3], window by window if need be."""
        if self.notes.windows is None:
            return self._session.run([OUTPUT], {INPUT: batch})[0]
        total: np.ndarray | None = None
        counts = np.zeros(batch.shape[1:3], np.float32)
        for rows, columns in cut_windows(batch.shape[1:3], self.notes.windows):
            part = self._session.run([OUTPUT], {INPUT: np.ascontiguousarray(batch[:, rows, columns])})[0]
            if total is None:
                total = np.zeros((*part.shape[:2], *batch.shape[1:3]), np.float32)
            total[:, :, rows, columns] += part
            counts[rows, columns] += 1
        assert total is not None
        return total / counts

    def decide(self, scores: np.ndarray, *, probabilities: bool = False) -> np.ndarray:
        """Return the index map [H, W] of an image's logits, or of its `probabilities`, [C, H, W]."""
        decision = Decision(self, scores.shape[1:], probabilities=probabilities)
        decision.take(0, scores)
        return decision.whole()

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Return the probability of each class, [C, H, W] float32, from an image's logits."""
        if self.notes.activation == "sigmoid":
            chance = _sigmoid(scores[0])
            return np.stack([1 - chance, chance])
        shifted = np.exp(scores - scores.max(axis=0))
        return shifted / shifted.sum(axis=0)


class Decision:
    """Turns the scores of an image into its index map, some rows at a time."""

    def __init__(self, of: OnnxModel, size_hw: tuple[int, ...], *, probabilities: bool) -> None:
        self.of, self.probabilities = of, probabilities
        self.mask = np.zeros(size_hw, np.uint8 if len(of.classes) <= 256 else np.uint16)
        foreground = [place for place in range(len(of.classes)) if place != of.notes.background]
        counted = foreground if of.rules is not None else []
        self.chances = {place: np.zeros(size_hw, np.uint8) for place in counted}  # as bytes

    def take(self, top: int, scores: np.ndarray) -> None:
        """Take the scores [C, h, W] of the rows from `top` on."""
        rows, notes = slice(top, top + scores.shape[1]), self.of.notes
        if self.of.rules is not None:
            known = scores if self.probabilities else self.of.probabilities(scores)
            for place, chance in self.chances.items():
                chance[rows] = as_bytes(known[place])
        elif notes.activation == "sigmoid":
            cut = notes.threshold if notes.threshold is not None else 0.5
            self.mask[rows] = (scores[1] if self.probabilities else _sigmoid(scores[0])) > cut
        else:
            best = scores[0].copy()
            mask = self.mask[rows]
            for place in range(1, len(scores)):  # argmax over the first axis would jump through memory
                mask[scores[place] > best] = place
                np.maximum(best, scores[place], out=best)

    def whole(self) -> np.ndarray:
        """Return the index map; with rules, where parts of two classes overlap, the likelier one is seen."""
        rules, background = self.of.rules, self.of.notes.background
        if rules is None:
            return self.mask
        assert background is not None, "use_rules has seen to it"
        self.mask[:] = background
        best = np.zeros(self.mask.shape, np.uint8)
        for place, chance in self.chances.items():
            parts = np.zeros(self.mask.shape, np.uint8)
            runs = cut_components(chance, rule=rules[place])
            paint(runs, [1] * len(runs), parts)
            wins = (parts > 0) & (chance > best)
            self.mask[wins] = place
            best[wins] = chance[wins]
        return self.mask


def runtime() -> Any:
    """Return the module of ONNX Runtime, or say how to get it."""
    report_nothing()
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency("onnxruntime", why="it runs .onnx models", command=INSTALL) from error
    return onnxruntime


def cut_windows(size_hw: tuple[int, ...], windows: Windows) -> list[tuple[slice, slice]]:
    """Return the rows and columns of each window, as mmseg's `slide_inference` lays them.

    >>> [rows.start for rows, _ in cut_windows((10, 4), Windows((4, 4), (4, 4)))]
    [0, 4, 6]
    """
    sides = []
    for length, window, stride in zip(size_hw, windows.size_hw, windows.stride_hw, strict=True):
        count = max(math.ceil((length - window) / stride), 0) + 1
        stops = [min(place * stride + window, length) for place in range(count)]
        sides.append([slice(max(stop - window, 0), stop) for stop in stops])
    return [(rows, columns) for rows in sides[0] for columns in sides[1]]


def _require_rgb(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise UserError(f"An image is RGB, [H, W, 3] uint8, not {list(image.shape)} {image.dtype}.")


def as_seen(image: np.ndarray, resizing: Resizing | None) -> np.ndarray:
    """Resize an image as mmcv's `Resize` does."""
    if resizing is None:
        return image
    import cv2

    height, width = image.shape[:2]
    size_wh = resizing.scale_wh
    if resizing.keep_ratio:
        longest, shortest = max(size_wh), min(size_wh)
        factor = min(longest / max(height, width), shortest / min(height, width))
        size_wh = (int(width * factor + 0.5), int(height * factor + 0.5))  # as mmcv rounds
        if 0 in size_wh:
            raise DataError(f"of {width}x{height} pixels nothing is left when it is resized")
    return cv2.resize(image, size_wh, interpolation=cv2.INTER_LINEAR)


def _between_corners(scores: np.ndarray, length: int, *, axis: int) -> np.ndarray:
    """Stretch scores along an axis from corner to corner, linearly: OpenCV has no such way."""
    last = scores.shape[axis] - 1
    places = np.linspace(0, last, length)
    low = places.astype(np.int64)
    share = np.moveaxis((places - low).astype(np.float32).reshape(-1, 1, 1), 0, axis)
    one, other = (scores.take(np.minimum(each, last), axis) for each in (low, low + 1))
    return one + (other - one) * share


def _component_rules(notes: ModelNotes) -> list[ComponentRule] | None:
    """Return the tuned rules of each class, the background's never used; None where none were tuned."""
    told = notes.thresholds
    if not told or told.get("kind") != "components":
        return None
    rules = told.get("classes") or {}
    missing = [
        name for place, name in enumerate(notes.classes) if place != notes.background and name not in rules
    ]
    if missing:
        raise DataError(f"The model's thresholds lack {', '.join(missing)}; export it again.")
    return [ComponentRule(**rules[name]) if name in rules else ComponentRule() for name in notes.classes]


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
