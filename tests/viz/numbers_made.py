"""The numbers of a small analysis, as `analysis.json` holds them."""

from __future__ import annotations

from typing import Any

HEADLINE = ("aAcc", "mIoU", "mAcc", "mDice", "mIoU_fg", "mDice_fg", "mPrecision_fg", "mRecall_fg", "mBF_fg")
KEYS = ("dice", "iou", "precision", "recall", "boundary_f")


def numbers(**changes: Any) -> dict[str, Any]:
    """Return an analysis of three classes, of which `<gone>` is absent."""
    names = ["ground", "disc", "<gone>"]
    nothing = [None, None, None]

    def of_class(index: int) -> dict[str, Any]:
        triple = nothing if index == 2 else [0.9 - 0.3 * index, 0.5, 0.95]
        return {
            "name": names[index],
            "index": index,
            "background": index == 0,
            "images": 4,
            "share": 0.5,
            **{part: dict.fromkeys(KEYS, triple) for part in ("set", "image")},
        }

    kinds = [
        {
            "kind": kind,
            "pixels": 10,
            "of_wrong": 0.25,
            "of_all": 0.001,
            "gain": gain,
            "gain_by_class": [0.01, 0.02, None],
            "pixels_by_class": [5, 5, 0],
        }
        for kind, gain in (("class", 0.0), ("edge", 0.061), ("missed", None), ("invented", 0.02))
    ]
    told: dict[str, Any] = {
        "format": 1,
        "kind": "semantic",
        "run": "net/test-last",
        "split": "test",
        "data": "shapes & co",
        "images": 1234,
        "without_labels": 0,
        "pixels": 40000,
        "class_names": names,
        "palette": [[0, 0, 0], [230, 90, 60], [0, 0, 255]],
        "background": 0,
        "ignore_index": 255,
        "notes": ["Beware of <this>."],
        "scores": {
            "set": {name: [0.85, 0.8, 0.9] for name in HEADLINE},
            "image": {name: [0.75, None, None] for name in HEADLINE},
            "classes": [of_class(index) for index in range(3)],
        },
        "mistakes": {
            "kinds": kinds,
            "wrong": 40,
            "pixels": 40000,
            "pairs": [{"truth": "disc", "pred": "ground", "pixels": 1500, "of_truth": 0.1}],
        },
        "confusion": [[90, 10, 0], [5, 15, 0], [0, 0, 0]],
        "by_size": [
            {"from": 16, "to": 32, "objects": 12, "found": 0.5, "mostly_found": 0.4, "classes": {"disc": 0.5}}
        ],
        "bands": [{"name": "small", "from": 1, "to": 64}, {"name": "large", "from": 64, "to": None}],
        "by_position": {"wrong": [[0.0, 0.1], [0.2, 0.0]], "rim": 0.02, "middle": 0.01},
        "by_traits": [
            {
                "trait": "brightness",
                "name": "brightness (mean grey)",
                "rho": [0.5, 0.4, 0.6],
                "groups": [{"from": 1.0, "to": 2.0, "images": 10, "score": [0.7, 0.6, 0.8]}],
            },
            {
                "trait": "contrast",
                "name": "contrast",
                "rho": [0.1, -0.1, 0.3],
                "groups": [{"from": 1.0, "to": 2.0, "images": 10, "score": [0.7, 0.6, 0.8]}],
            },
        ],
        "calibration": {
            "ece": 0.0123,
            "confidence": 0.95,
            "accuracy": 0.9,
            "log_loss": 0.1,
            "bins": {"pixels": [0, 9], "confidence": [None, 0.9], "accuracy": [None, 0.8]},
            "classes": [{"name": "disc", "ece": 0.05, "pixels": 10, "over": 0.04}],
            "thresholds": {
                "from": [0.0, 0.5],
                "kept": [1.0, 0.9],
                "accuracy": [0.9, 0.95],
                "precision": [0.8, None],
                "recall": [0.9, 0.7],
            },
        },
        "rankings": {"worst": [{"image_id": "a", "value": 0.1}]},
        "suspects": [
            {
                "rank": 1,
                "image_id": "a/1",
                "suspicion": 9.0,
                "kind": "missing",
                "labelled": "ground",
                "predicted": "disc",
                "pixels": 50,
                "confidence": None,
                "left": 0,
                "top": 0,
                "right": 5,
                "bottom": 5,
            }
        ],
        "rules": {
            "set": "Over the set.",
            "image": "Per image.",
            "again": "Per image.",
            "suspicion": "It ranks.",
        },
    }
    return told | changes
