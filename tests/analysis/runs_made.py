"""Writes small RUN folders out of arrays, with the files that a test writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segloop.analysis.runs import FORMAT, Run, read_run
from segloop.data.png import encode_grey
from segloop.experiments.run_writer import (
    ConfidenceTable,
    ImageRow,
    Spool,
    SpooledImages,
    write_images,
    write_semantic_tables,
)

NAMES = ("ground", "disc", "bar")
PALETTE = [[0, 0, 0], [230, 90, 60], [60, 120, 230]]


def write_run(
    root: Path,
    images: Mapping[str, tuple[np.ndarray | None, np.ndarray]],
    *,
    sure: Mapping[str, np.ndarray] | None = None,
    names: Sequence[str] = NAMES,
    background: int | None = 0,
    split: str = "test",
    **changes: Any,
) -> Run:
    """Write a data set of `images`, by id their truth or None and prediction, and the RUN of a test on it.

    `sure` holds confidence in percent by id. `changes` go into meta.json.
    """
    from segloop.analysis.counts import confusion

    run, data = root / "work_dirs/net/test" / f"{split}-last", root / "data"
    run.mkdir(parents=True)
    spool, table = Spool(run / "records-0.jsonl"), ConfidenceTable(num_classes=len(names))
    for number, (image_id, (truth, pred)) in enumerate(images.items()):
        picture = np.random.default_rng(number).integers(0, 256, (*pred.shape, 3), dtype=np.uint8)
        files = {f"img/{image_id}.png": cv2.imencode(".png", picture)[1].tobytes()}
        if truth is not None:
            files[f"ann/{image_id}.png"] = encode_grey(
                truth.astype(np.uint16 if len(names) > 256 else np.uint8)
            )
        for name, content in files.items():
            _write(data / name, content)
        _write(
            run / "predictions" / f"{image_id}.png",
            encode_grey(pred.astype(np.uint16 if len(names) > 256 else np.uint8)),
        )
        record: dict[str, Any] = {"pairs": None}
        if truth is not None:
            counted = confusion(pred, truth, num_classes=len(names))
            pairs = np.nonzero(counted)
            record["pairs"] = [*(part.tolist() for part in pairs), counted[pairs].tolist()]
        if sure is not None:
            _write(run / "confidence" / f"{image_id}.png", encode_grey(sure[image_id].astype(np.uint8)))
            if truth is not None:
                known = truth != 255
                record["confidence"] = table.add(
                    pred[known], (pred == truth)[known], sure[image_id][known] / 100, loss_sum=float(number)
                )
        digests = [hashlib.sha256(content).hexdigest() for content in files.values()]
        row = ImageRow(
            image_id, f"img/{image_id}.png", f"ann/{image_id}.png" if truth is not None else "", *pred.shape,
            digests[0], digests[1] if truth is not None else "",
        )  # fmt: skip
        spool.append(row, record)
    spooled = SpooledImages([spool.path])
    write_images(run / "images.csv", spooled)
    metrics = write_semantic_tables(run, spooled, class_names=names, background=background)
    if sure is not None:
        table.save_part(run / "part-0.npz")
        table.write(run / "confidence.npz", spooled, [run / "part-0.npz"])
        (run / "part-0.npz").unlink()
    spool.path.unlink()
    (run / "metrics.json").write_text(json.dumps({"format": FORMAT, "kind": "semantic", **metrics}))
    (run / "timing.json").write_text("{}")
    meta = {
        "format": FORMAT,
        "kind": "semantic",
        "experiment": "net",
        "split": split,
        "finished": "2026-01-01T00:00:00Z",
        "classes": list(names),
        "palette": PALETTE if len(names) == len(PALETTE) else [],
        "background": background,
        "ignore_index": 255 if len(names) < 255 else 65535,
        "reduce_zero_label": False,
        "no_confidence": None if sure is not None else "the model gives no logits",
        "images": len(images),
        "data": {"name": "shapes", "root": "../../../../data"},
        "files": sorted(item.name for item in run.iterdir()),
    }
    (run / "meta.json").write_text(json.dumps(meta | changes))
    return read_run(run)


def scene(number: int, *, side: int = 48) -> np.ndarray:
    """Return a truth with a disc and a bar, another one for each number."""
    draw = np.random.default_rng(number)
    mask = np.zeros((side, side), np.uint8)
    center = tuple(int(value) for value in draw.integers(12, side - 12, 2))
    cv2.circle(mask, center, 8, 1, -1)
    top = int(draw.integers(0, side - 6))
    mask[top : top + 4, 4 : side - 4] = 2
    return mask


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
