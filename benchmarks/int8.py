"""Score and time models in turns, image by image: torch, the exported float model, and whole numbers.

    python benchmarks/int8.py CONFIG CHECKPOINT float.onnx int8.onnx --root data/multiclass [--images 100]

Each image is predicted by all of them before the next one, so that all meet the same load of the machine.
Times are of this process's processor (one thread), the whole way from a decoded image to its mask.

Needs: two exported models.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def main() -> None:
    """Predict, count, print the table."""
    options = parse_args()
    import torch

    torch.set_num_threads(1)
    import segloop
    from segloop.analysis.counts import class_counts, confusion
    from segloop.analysis.scores import set_scores
    from segloop.data.index_masks import read_index_mask
    from segloop.data.layout import Layout, image_ids
    from segloop.experiments.onnx.model import OnnxModel
    from segloop.experiments.onnx.pictures import read_rgb

    model = segloop.load(options.config, options.checkpoint, precision="float32")
    predict: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "torch, float32": lambda image: model.predict(image, channels="rgb").mask
    }
    for file in options.onnx:
        exported = OnnxModel.load(file, threads=1)
        predict[f"ONNX Runtime, {exported.notes.precision}"] = lambda image, of=exported: (
            of.predict(image).mask
        )
    layout = Layout.find(options.root, options.split)
    files = sorted(image_ids(layout.images, layout.image_suffixes).items())[: options.images]
    count, names = len(model.classes), model.classes.names
    counted = {name: np.zeros((count, count), np.int64) for name in predict}
    seconds = dict.fromkeys(predict, 0.0)
    for place, (image_id, file) in enumerate([files[0], *files]):
        image, truth = read_rgb(file), read_index_mask(layout.mask(image_id))
        for name, find in predict.items():
            begin = time.process_time()
            mask = find(image)
            if place:  # the first time warms up
                seconds[name] += time.process_time() - begin
                counted[name] += confusion(mask, truth, num_classes=count, ignore_index=layout.ignore_index)
    first = next(iter(seconds.values()))
    print("| model | processor time an image | times torch's speed | mDice | mDice_fg | mIoU |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, table in counted.items():
        scores = set_scores(class_counts(table), class_names=names, background=model.classes.background)
        told = " | ".join(f"{100 * scores[key]:.2f}" for key in ("mDice", "mDice_fg", "mIoU"))
        each = seconds[name] / len(files)
        print(f"| {name} | {1000 * each:.0f} ms | {first / seconds[name]:.2f} | {told} |")
    print(f"{len(files)} images of {options.split}, one thread.")


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config")
    parser.add_argument("checkpoint")
    parser.add_argument("onnx", nargs="+", type=Path)
    parser.add_argument("--root", type=Path, required=True, help="data set with masks")
    parser.add_argument("--split", default="val")
    parser.add_argument("--images", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
