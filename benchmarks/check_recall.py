"""Spoil images of a good data set and count what a check finds: python benchmarks/check_recall.py DATASET.

Copies: each picture saved again, resized, brightened, cut, mirrored, held against what it was.
Labels: those of another image, moved, mirrored; and as they are, which tells how many are told in vain.

Needs: a good data set.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from data_converters.opening import open_source, source_parser
from segloop.data.annotations import Bitmap, ImageRecord, Instance, LabelledImages
from segloop.data.drawing import bitmaps
from segloop.data.inspection.look import Look
from segloop.data.inspection.placing import CHANCE, GAIN
from segloop.data.masks import decode, encode
from segloop.data.similar import DISTANCE, image_hash, ways

Grey = np.ndarray


def saved(image: Grey, *, quality: int) -> Grey:
    """Return an image as a JPEG keeps it."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def brightened(image: Grey) -> Grey:
    """Return an image with a fifth more contrast and 20 levels more light; what is too bright is cut off."""
    return np.clip(image * 1.2 + 20, 0, 255).astype(np.uint8)


def cut(image: Grey) -> Grey:
    """Return an image without a hundredth of its rows and columns."""
    return image[image.shape[0] // 100 :, image.shape[1] // 100 :]


COPIES: dict[str, Callable[[Grey], Grey]] = {
    "saved at quality 50": lambda image: saved(image, quality=50),
    "half the size, saved": lambda image: saved(cv2.resize(image, None, fx=0.5, fy=0.5), quality=90),
    "brightened": brightened,
    "cut by 1 %": cut,
    "mirrored, saved": lambda image: saved(np.ascontiguousarray(image[:, ::-1]), quality=90),
}
LABELS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "as they are": lambda mask, other: mask,
    "of another image": lambda mask, other: other,
    "moved by 6 px both ways": lambda mask, other: np.roll(mask, (6, -6), axis=(0, 1)),
    "mirrored": lambda mask, other: mask[:, ::-1],
}


def main() -> int:
    parser = source_parser(__doc__ or "")
    parser.add_argument("--most", type=int, default=300, help="images that are spoiled")
    args = parser.parse_args()
    images, _ = open_source(args)
    records = list(_some(images, most=args.most))
    pictures = [cv2.imread(str(record.file), cv2.IMREAD_GRAYSCALE) for record in records]
    print(f"{len(records)} images\n\ncopies: found, and bits in which nine of ten differ at most")
    hashes = np.stack([image_hash(picture) for picture in pictures])
    for name, spoil in COPIES.items():
        bits = [
            _apart(image_hash(spoil(picture)), own) for picture, own in zip(pictures, hashes, strict=True)
        ]
        print(f"  {name:24}{np.mean(np.array(bits) <= DISTANCE):7.1%}{np.percentile(bits, 90):6.0f}")
    others = np.array(
        [_apart(one, other) for one, other in zip(hashes, np.roll(hashes, 1, axis=0), strict=True)]
    )
    print(f"  {'another picture':24}{np.mean(others <= DISTANCE):7.1%}{np.percentile(others, 90):6.0f}")
    print("\nlabels: told, of those with outlines enough")
    look = Look(_itself, images.labels)
    for name, spoil_labels in LABELS.items():
        spoiled = [_spoiled(record, records[place - 1], spoil_labels) for place, record in enumerate(records)]
        fits = [seen.fit for each in spoiled if each is not None for seen in look((each,)) if seen.fit]
        told = [fit.ratio < CHANCE or fit.gain > GAIN for fit in fits]
        print(f"  {name:24}{np.mean(told):7.1%} of {len(fits)}")
    return 0


def _some(images: LabelledImages, *, most: int) -> Iterator[ImageRecord]:
    places = np.random.default_rng(0).permutation(len(images))[:most]
    return (images.load(images.keys[place]) for place in places.tolist())


def _itself(key: Any) -> ImageRecord:
    return key


def _apart(one: np.ndarray, other: np.ndarray) -> int:
    """Return in how many bits two hashes differ, the nearest way."""
    return min(int(np.unpackbits(way[0] ^ other).sum()) for way in ways(one[None]))


def _spoiled(
    record: ImageRecord, other: ImageRecord, spoil: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> ImageRecord | None:
    """Return the record with spoiled labels; None where the other image has another size."""
    if record.size_hw is None or other.size_hw != record.size_hw:
        return record if spoil is LABELS["as they are"] else None
    if record.semantic is not None and other.semantic is not None:
        return replace(record, semantic=np.ascontiguousarray(spoil(record.semantic, other.semantic)))
    size_hw = record.size_hw
    if spoil is LABELS["of another image"]:
        return replace(record, instances=other.instances)
    drawn = [each for each in bitmaps(record.instances, size_hw) if each is not None]
    masks = [spoil(decode(runs, size_hw), np.zeros(size_hw, bool)) for runs in drawn]
    label = record.instances[0].label if record.instances else ""
    found = tuple(Instance(label=label, shape=Bitmap(size_hw, encode(mask))) for mask in masks)
    return replace(record, instances=found)


if __name__ == "__main__":
    sys.exit(main())
