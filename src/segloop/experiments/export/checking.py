"""Holds an exported model against torch, at sizes and batches that it was not traced at."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmseg.models import EncoderDecoder
from mmseg.structures import SegDataSample

from segloop.experiments.onnx.model import OnnxModel, as_seen
from segloop.utils.errors import ConfigError

MOST_DIFFERENCE = 1e-3  # of the largest logit there is: what another order of sums may change
LEAST_EQUAL = 0.999  # of the pixels: classes that are as likely as each other may change places
SIZES_HW = ((64, 96), (97, 131), (192, 160))  # none as traced; odd ones find what is off by one
BATCHES = (1, 3)


@dataclass(frozen=True)
class Difference:
    """How an exported model differs from torch on one batch."""

    batch: int
    size_hw: tuple[int, int]
    largest: float  # difference of two logits
    scale: float  # the largest logit
    equal: float  # share of pixels of the same class

    @property
    def fits(self) -> bool:
        """Whether it is within the bounds."""
        return self.largest <= MOST_DIFFERENCE * max(self.scale, 1.0) and self.equal >= LEAST_EQUAL

    def line(self) -> str:
        """Return it as a line of text."""
        height, width = self.size_hw
        return (
            f"{self.batch} x {width}x{height}: logits differ by at most {self.largest:.1e} "
            f"(largest {self.scale:.1f}), {100 * self.equal:.3f} % of the pixels equal"
            f"{'' if self.fits else '  TOO FAR'}"
        )


def compare(
    exported: OnnxModel,
    model: EncoderDecoder,
    *,
    sizes_hw: Sequence[tuple[int, int]] = SIZES_HW,
    batches: Sequence[int] = BATCHES,
) -> Iterator[Difference]:
    """Yield the difference on drawn images of each size and batch.

    Torch goes its usual way, from BGR through the model's own preprocessor, so that a normalisation or an
    order of channels that was exported wrongly is seen, too.
    """
    for number, size_hw in enumerate(sizes_hw):
        for batch in batches:
            images = draw_images(batch, size_hw, seed=number)
            ours, theirs = exported.logits(images), torch_logits(model, images, exported)
            masks = [exported.decide(scores) for scores in ours], [exported.decide(s) for s in theirs]
            yield Difference(
                batch=batch,
                size_hw=size_hw,
                largest=float(max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))),
                scale=float(max(np.abs(each).max() for each in theirs)),
                equal=float(np.mean([np.mean(a == b) for a, b in zip(*masks, strict=True)])),
            )


@torch.inference_mode()
def torch_logits(
    model: EncoderDecoder, images: Sequence[np.ndarray], exported: OnnxModel
) -> list[np.ndarray]:
    """Return the logits [C, H, W] of RGB images of one size by torch, at the images' size."""
    found = []
    seen = [as_seen(image, exported.notes.resizing)[..., ::-1] for image in images]
    inputs = [torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))) for image in seen]
    samples = [
        SegDataSample(metainfo={"ori_shape": image.shape[:2], "img_shape": part.shape[:2]})
        for image, part in zip(images, seen, strict=True)
    ]
    data: dict[str, Any] = model.data_preprocessor({"inputs": inputs, "data_samples": samples}, False)
    padded = data["inputs"].shape[2:]
    for sample in data["data_samples"]:
        sample.set_metainfo({"img_shape": padded, "pad_shape": tuple(padded)})
    with warnings.catch_warnings():  # mmseg warns of every size that aligned corners do not like
        warnings.simplefilter("ignore")
        logits = model.inference(data["inputs"], [sample.metainfo for sample in data["data_samples"]])
    for sample in model.postprocess_result(logits, data["data_samples"]):
        scores = sample.seg_logits.data.float()
        if len(scores) == 1:  # mmseg has taken the sigmoid already
            scores = torch.logit(scores, eps=1e-7)
        found.append(scores.cpu().numpy())
    return found


def draw_images(count: int, size_hw: tuple[int, int], *, seed: int) -> list[np.ndarray]:
    """Return RGB images of smooth colours with some noise, [H, W, 3] uint8: a network's usual food."""
    import cv2

    generator = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        smooth = cv2.resize(coarse, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_CUBIC)
        noisy = smooth + generator.normal(0, 8, smooth.shape)
        images.append(noisy.clip(0, 255).astype(np.uint8))
    return images


def require_semantic(model: Any) -> EncoderDecoder:
    """Return a model of mmseg's, or say which models are exported."""
    if isinstance(model, EncoderDecoder):
        return model
    raise ConfigError(f"{type(model).__name__} is no EncoderDecoder.")
