"""Brings what a user has, a file, an array or a Pillow image, to what the network was trained on.

Files are decoded by the config's own loading step. With mmcv's usual one that means: the EXIF orientation
turns the image, grey becomes three equal channels, 16 bits become their upper 8, alpha is dropped, and the
channels are blue, green, red. Arrays and Pillow images are brought to the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from segloop.data.image_files import image_facts
from segloop.utils.errors import ConfigError, DataError, UserError

if TYPE_CHECKING:
    from PIL.Image import Image

Channels = Literal["rgb", "bgr"]
_LOADER = "LoadImageFromFile"


class Pictures:
    """The steps of a test pipeline without those that read labels, for one image at a time; thread-safe.

    Without `resize` those that resize to a size or pad are left out, too; a factor stays, for it is the same
    for an image and its parts.
    """

    def __init__(self, steps: Sequence[Mapping[str, Any]], *, resize: bool = True) -> None:
        kept = [deepcopy(dict(step)) for step in _flat(steps) if not _reads_labels(step)]
        if not resize:
            kept = [step for step in kept if not _makes_a_size(step)]
        if not kept or not _kind(kept[0]).startswith(_LOADER):
            first = _kind(kept[0]) if kept else "nothing"
            raise ConfigError(
                f"The test pipeline begins with {first}, and predicting needs one that begins with {_LOADER}."
            )
        for step in kept:
            if _kind(step) == "PackDetInputs" and "meta_keys" in step:  # what no file of labels tells
                step["meta_keys"] = tuple(key for key in step["meta_keys"] if key != "image_id")
        self.steps = kept
        self.float32 = bool(kept[0].get("to_float32"))
        self.grey = str(kept[0].get("color_type")).startswith("grayscale")
        from mmengine.registry import TRANSFORMS  # exported models are run without it

        self._load, *self._rest = [TRANSFORMS.build(step) for step in kept]

    def of_file(self, file: Path) -> dict[str, Any]:
        """Return the packed sample of a file; a DataError says why it cannot be read.

        A file that is cut off is refused: decoders fill what is missing with grey, and nobody would know.
        """
        fault = image_facts(file).error
        if fault:
            raise DataError(fault)
        try:
            results = self._load({"img_path": str(file), "img_id": 0})
        except Exception as error:  # cv2, Pillow and mmcv raise whatever they come across
            raise DataError(f"cannot be decoded ({_first_line(error)})") from error
        return self._packed(results)

    def of_array(self, image: np.ndarray) -> dict[str, Any]:
        """Return the packed sample of a BGR image [H, W, 3] uint8; a loader of grey images makes it grey."""
        if self.grey and image.shape[2:] == (3,):
            image = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2GRAY)
        image = image.astype(np.float32) if self.float32 else image
        size_hw = image.shape[:2]
        return self._packed(
            {"img": image, "img_shape": size_hw, "ori_shape": size_hw, "img_path": None, "img_id": 0}
        )

    def _packed(self, results: dict[str, Any] | None) -> dict[str, Any]:
        shown = None if results is None else results["img"]
        if results is not None:
            results.setdefault("scale_factor", (1.0, 1.0))  # mmdet scales boxes back by it
        try:
            for step in self._rest:
                results = step(results) if results is not None else None
        except cv2.error as error:  # nothing is left of a very thin image when it is resized
            raise DataError(f"the test pipeline cannot take it ({_first_line(error)})") from error
        if results is None or shown is None:
            raise DataError("the test pipeline drops it")
        return {**results, "shown": shown}


def as_bgr(picture: np.ndarray | Image, *, channels: Channels | None = None) -> np.ndarray:
    """Return an array or a Pillow image as the loader would have read it: BGR [H, W, 3] uint8.

    A Pillow image knows its channels. Of an array with colours the caller says whether they are `rgb` or
    `bgr`: both look right, and the wrong one costs accuracy without a word.
    """
    if not isinstance(picture, np.ndarray):
        return _of_pillow(picture)
    if picture.dtype == np.uint16:  # as OpenCV reads a file of 16 bits
        picture = (picture >> 8).astype(np.uint8)
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * 255
    if picture.dtype != np.uint8:
        raise UserError(f"An image is an array of uint8 or uint16, not {picture.dtype}: bring it to 0 … 255.")
    if picture.ndim == 3 and picture.shape[2] in (1, 2):
        picture = picture[..., 0]
    if picture.ndim == 2 and picture.size:
        return np.repeat(picture[..., None], 3, axis=2)
    if picture.ndim != 3 or picture.shape[2] not in (3, 4) or 0 in picture.shape:
        raise UserError(f"An image is an array [H, W], [H, W, 3] or [H, W, 4], not {list(picture.shape)}.")
    if channels not in ("rgb", "bgr"):
        raise UserError(
            "Say which channels the array has: channels='rgb' (Pillow, matplotlib, imageio) or "
            "channels='bgr' (cv2.imread)."
        )
    colors = picture[..., :3]
    return np.ascontiguousarray(colors[..., ::-1] if channels == "rgb" else colors)


def as_rgb(shown: np.ndarray) -> np.ndarray:
    """Return what a loading step gave (BGR, or grey, of any number type) as RGB [H, W, 3] uint8."""
    shown = shown if shown.dtype == np.uint8 else shown.clip(0, 255).astype(np.uint8)
    if shown.ndim == 2:
        return np.repeat(shown[..., None], 3, axis=2)
    return cv2.cvtColor(np.ascontiguousarray(shown[..., :3]), cv2.COLOR_BGR2RGB)


def _of_pillow(image: Any) -> np.ndarray:
    from PIL import ImageOps

    if not hasattr(image, "convert"):
        raise UserError(f"An image is a path, a numpy array or a Pillow image, not {type(image).__name__}.")
    try:
        image = ImageOps.exif_transpose(image)  # which decodes it, if nobody has
        colors = image if image.mode[0] in "IF" else image.convert("RGB")
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        raise DataError(f"the Pillow image cannot be decoded ({_first_line(error)})") from error
    if 0 in image.size:
        raise UserError("A Pillow image of {}x{} pixels shows nothing.".format(*image.size))
    if image.mode.startswith("I;16") or image.mode == "I":
        values = np.asarray(image)
        if not 0 <= values.min() <= values.max() <= 0xFFFF:
            raise UserError("A Pillow image of mode I holds values beyond 0 … 65535: bring it to 0 … 255.")
        return as_bgr(values.astype(np.uint16))
    if image.mode == "F":  # Pillow would clip, and 0 … 1 would all be black
        raise UserError("A Pillow image of mode F holds floats: bring it to 0 … 255.")
    return np.ascontiguousarray(np.asarray(colors)[..., ::-1])


def _reads_labels(step: Mapping[str, Any]) -> bool:
    return _kind(step).startswith("Load") and not _kind(step).startswith("LoadImage")


def _makes_a_size(step: Mapping[str, Any]) -> bool:
    by_factor = step.get("scale") is None and step.get("scale_factor") is not None
    return "Pad" in _kind(step) or ("Resize" in _kind(step) and not by_factor)


def _flat(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the steps with those that `KeepInMemory` holds in its place."""
    found: list[Mapping[str, Any]] = []
    for step in steps:
        found += _flat(step["transforms"]) if _kind(step) == "KeepInMemory" else [step]
    return found


def _kind(step: Mapping[str, Any]) -> str:
    kind = step.get("type")
    return kind.rpartition(".")[2] if isinstance(kind, str) else getattr(kind, "__name__", str(kind))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
