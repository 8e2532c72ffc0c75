"""Numbers of a comparison as `compare.json` has them, of two models."""

from __future__ import annotations

from typing import Any


def numbers() -> dict[str, Any]:
    """Return a comparison in which A is better and B has little on record."""
    spread: list[list[float | None]] = [[0.8, 0.75, 0.85], [0.7, 0.65, 0.76]]
    none: list[list[float | None]] = [[0.5, None, None], [0.5, None, None]]
    absent: list[list[float | None]] = [[None, None, None], [None, None, None]]
    gap = {"value": [-0.1, -0.12, -0.08], "p": 0.002}
    small = {"inference": {"this": None, "one": None, "best": None}}
    names = (
        "parameters trainable model_bytes checkpoint_bytes exported_bytes flops input_chw train_s val_s "
        "iterations batch_size train_images seed train_hardware test_hardware"
    )
    memory = {"process_bytes": None, "gpu_bytes": None}
    blank = {**dict.fromkeys(names.split()), **small, "train_memory": memory, "test_memory": memory}
    first, second = (
        {"median": 0.55, "p95": 1.135, "batch_size": 8, "under": "cpu"},
        {"median": 0.02, "p95": 0.03, "batch_size": 1, "under": "cpu"},
    )
    costs = [
        blank
        | {"parameters": 1811862, "flops": 1468530688, "input_chw": [3, 128, 128], "train_s": 447.2}
        | {"iterations": 400, "batch_size": 16, "inference": {"this": first, "one": None, "best": None}},
        blank | {"train_s": 30.0, "inference": {"this": second, "one": second, "best": None}},
    ]
    return {
        "kind": "semantic",
        "split": "test",
        "data": "shore <finds>",
        "images": 40,
        "class_names": ["fish", "leaf", "gone"],
        "score": "mDice_fg",
        "score_of_images": "mDice_fg",
        "runs": [
            {"letter": letter, "name": f"{name}/test-last", "folder": f"work_dirs/{name}", "costs": cost}
            for letter, name, cost in zip("AB", ("unet", "deeplab"), costs, strict=True)
        ],
        "scores": {
            "aAcc": none, "mDice_fg": spread, "Dice.fish": spread, "Dice.leaf": none, "Dice.gone": absent
        },
        "class_scores": ["Dice.fish", "Dice.leaf", "Dice.gone"],
        "pairs": [
            {
                "pair": ["A", "B"],
                "differences": {
                    "mDice_fg": gap,
                    "Dice.fish": gap | {"holm": 0.012},
                    "Dice.leaf": {"value": [0.0, None, None], "p": None, "holm": None},
                    "Dice.gone": {"value": [None, None, None], "p": None, "holm": None},
                },
                "images": {"compared": 40, "wins": [30, 10], "equal": 0, "mean_difference": -0.09},
                "tests": {
                    "bootstrap": {"p": 0.02, "holm": 0.02},
                    "permutation": {"p": 0.0001, "holm": 0.0001},
                    "wilcoxon": {"p": 0.004, "holm": 0.004},
                },
                "won": {"A": [{"image_id": "x", "by": 0.4}], "B": []},
                "verdict": {"better": "A", "text": "A is better"},
            }
        ],
        "curves": [
            {"loss": [[100, 1.0, 1.5], [200, 3.8, 0.4]], "score": [[100, 1.0, 40.0], [200, 3.8, 67.0]]},
            {"score": [[50, 0.5, 30.0]]},
        ],
        "time_to_score": [{"score": 0.6, "minutes": [3.8, None]}],
        "config": {"missing": [], "differences": [{"path": "model.depth", "values": ["18", "50"]}]},
        "tests": [],
        "notes": ["Mind the <gap>."],
        "rules": {"set": "Over the set.", "holm": "Corrected."},
    }  # fmt: skip
